// ECDSA over SHA-1 on sect163k1 and its kin, by OpenSSL.
#include "workers/crypto/legacy_ec.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

#include "protocol/ipv8.h"

namespace warren::crypto {

namespace {

template <auto free>
struct Free {
    template <typename T>
    void operator()(T* what) const {
        free(what);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Context = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using Pair = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;
using Number = std::unique_ptr<BIGNUM, Free<BN_free>>;

// r and s, each half of the bytes, become the DER that OpenSSL wants.
Bytes to_der(ByteView signature) {
    const auto half = signature.size() / 2;
    const auto number = [&](ByteView bytes) {
        return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    };
    auto r = number(signature.first(half)), s = number(signature.subspan(half));
    const Pair pair(ECDSA_SIG_new());
    if (!r || !s || !pair || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
    (void)r.release();  // the pair owns them now
    (void)s.release();
    const int length = i2d_ECDSA_SIG(pair.get(), nullptr);
    if (length <= 0) return {};
    Bytes out(static_cast<std::size_t>(length));
    auto* to = out.data();
    i2d_ECDSA_SIG(pair.get(), &to);
    return out;
}

}  // namespace

bool start_legacy_ec() {
    const std::unique_ptr<EC_GROUP, Free<EC_GROUP_free>> curve(
        EC_GROUP_new_by_curve_name(NID_sect163k1));
    return curve != nullptr && EVP_sha1() != nullptr;
}

bool is_signed_by_legacy(ByteView public_key, ByteView signed_bytes, ByteView signature) {
    const auto curve = protocol::legacy_curve(public_key);
    if (!curve || signature.size() != curve->signature_bytes) return false;
    const auto* from = public_key.data();
    const Key key(d2i_PUBKEY(nullptr, &from, static_cast<long>(public_key.size())));
    const Context context(EVP_MD_CTX_new());
    const auto der = to_der(signature);
    if (!key || !context || der.empty()) return false;
    return EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha1(), nullptr, key.get()) == 1 &&
           EVP_DigestVerify(context.get(), der.data(), der.size(), signed_bytes.data(),
                            signed_bytes.size()) == 1;
}

}  // namespace warren::crypto
