// X25519 from OpenSSL.
#include "supervisor/keys.h"

#include <openssl/evp.h>

#include <memory>

namespace warren::supervisor {

Result<KeyPair> make_key_pair() {
    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"), EVP_PKEY_free);
    KeyPair out;
    std::size_t secret = out.secret_key.size();
    std::size_t open = out.public_key.size();
    if (!key || EVP_PKEY_get_raw_private_key(key.get(), out.secret_key.data(), &secret) != 1 ||
        EVP_PKEY_get_raw_public_key(key.get(), out.public_key.data(), &open) != 1)
        return Error{ErrorKind::Environment, "cannot make an X25519 key pair"};
    return out;
}

}  // namespace warren::supervisor
