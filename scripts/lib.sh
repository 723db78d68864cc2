# Shared by ./run and ./check: install what is missing, configure, build. Sourced, not run.
# Whoever sources it sets warren_root, the top of the source tree.
# shellcheck shell=bash
: "${warren_root:?}"

steps_total=0
step_now=0
begin_steps() { steps_total=$1; }
step() {
    step_now=$((step_now + 1))
    printf '[%d/%d] %s\n' "$step_now" "$steps_total" "$*"
}
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# The rows of Build-Depends in debian/control, as "name" or "name version".
build_dependencies() {
    awk '
        /^#/ { next }
        /^Build-Depends:/ { inside = 1; sub(/^Build-Depends:/, ""); field = field $0; next }
        inside && /^[ \t]/ { field = field $0; next }
        { inside = 0 }
        END {
            count = split(field, rows, ",")
            for (i = 1; i <= count; i++) {
                row = rows[i]
                gsub(/<[^>]*>|[()]|>=/, " ", row)
                words = split(row, word, " ")
                if (words == 1) print word[1]
                if (words > 1) print word[1], word[2]
            }
        }' "$warren_root/debian/control"
}

# What of that is absent or too old, one package name a line.
missing_packages() {
    local -A installed=()
    local name version
    while read -r name version; do
        if [[ -n $version ]]; then installed[$name]=$version; fi
    done < <(dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' |
        sed -n 's/ installed$//p')
    while read -r name version; do
        if [[ -z ${installed[$name]-} ]]; then
            printf '%s\n' "$name"
        elif [[ -n $version ]] && dpkg --compare-versions "${installed[$name]}" lt "$version"; then
            printf '%s\n' "$name"
        fi
    done < <(build_dependencies)
}

as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

apt_progress() {
    awk '/^(Unpacking|Setting up) / && ++done % 50 == 0 {
        printf "  %d packages unpacked or set up\n", done
        fflush()
    }'
}

# Says and does nothing else when all is there.
install_missing_packages() {
    command -v dpkg-query >/dev/null || die "this needs Debian 12 (no dpkg here)"
    local missing
    mapfile -t missing < <(missing_packages)
    if [[ ${#missing[@]} -eq 0 ]]; then
        step "packages: all there"
        return
    fi
    step "packages: installing ${#missing[@]} that are missing: ${missing[*]}"
    local install=(apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0
        -o DPkg::Lock::Timeout=300 "${missing[@]}")
    if [[ $(id -u) -ne 0 ]] && ! command -v sudo >/dev/null; then
        die "not root and no sudo here; as root, run: apt-get update && ${install[*]}"
    fi
    local log
    log=$(mktemp)
    if ! { as_root apt-get update -q -o DPkg::Lock::Timeout=300 && as_root "${install[@]}"; } \
        2>&1 </dev/null | tee "$log" | apt_progress; then
        tail -n 30 "$log" >&2
        rm -f "$log"
        die "the packages could not be installed; apt's last lines are above"
    fi
    rm -f "$log"
    mapfile -t missing < <(missing_packages)
    if [[ ${#missing[@]} -gt 0 ]]; then
        die "still missing or older than debian/control asks: ${missing[*]}
Is this Debian 12 with its current point release and security updates in the sources of apt?"
    fi
}

# Compilers of the largest files take about 1 GiB each.
build_jobs() {
    local cores memory_jobs
    cores=$(nproc)
    memory_jobs=$(awk '/^MemAvailable:/ { print int($2 / 1200000) }' /proc/meminfo 2>/dev/null)
    if [[ -z $memory_jobs ]]; then memory_jobs=$cores; fi
    if [[ $memory_jobs -lt 1 ]]; then memory_jobs=1; fi
    if [[ $memory_jobs -lt $cores ]]; then cores=$memory_jobs; fi
    printf '%s\n' "$cores"
}

# configure PRESET: cheap when nothing changed.
configure() {
    local preset=$1 log
    local launcher=()
    step "configuring build/$preset"
    if command -v ccache >/dev/null; then
        launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
        export CCACHE_BASEDIR=$warren_root CCACHE_NOHASHDIR=1
        if [[ ! -w ${HOME:-/nonexistent} ]]; then export CCACHE_DIR=$warren_root/build/ccache; fi
    fi
    mkdir -p "$warren_root/build/$preset" 2>/dev/null || true
    if [[ ! -w $warren_root/build/$preset ]]; then
        die "build/$preset belongs to another user (an earlier run as root?): remove it or take it over"
    fi
    log=$warren_root/build/$preset/configure.log
    if ! (cd "$warren_root" && cmake --preset "$preset" "${launcher[@]}") >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        die "cmake --preset $preset failed"
    fi
}

# build PRESET [TARGET...]: all targets when none is named.
build() {
    local preset=$1
    shift
    local jobs
    jobs=$(build_jobs)
    step "building build/$preset with $jobs jobs (about 10 minutes the first time on 2 cores)"
    NINJA_STATUS='  [%f/%t %es] ' ninja -C "$warren_root/build/$preset" -j "$jobs" "$@" ||
        die "the build failed; the first error is above"
}
