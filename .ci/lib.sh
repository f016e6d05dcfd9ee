# shellcheck shell=sh
# What `./dev` stands on: saying, logging, packages, environments, build folders. Plain POSIX sh,
# sourced with the repository as working directory. Nothing here knows a verb.

BUILD=.build
DEPS=.deps
LOGS=$BUILD/logs
REPORTS=$BUILD/reports

say() { printf 'dev: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# step NAME WHAT CMD...: runs CMD with its output in .build/logs/NAME.log. Silent when quick and well;
# tells what it does once it takes longer than two seconds; shows the log's tail when it fails.
step() {
  step_name=$1; step_what=$2; shift 2
  mkdir -p "$LOGS"
  step_log=$LOGS/$step_name.log
  { sleep 2 >/dev/null 2>&1; say "$step_what ... ($step_log)"; } </dev/null &
  step_teller=$!
  step_code=0
  "$@" >"$step_log" 2>&1 </dev/null || step_code=$?
  kill "$step_teller" 2>/dev/null || true
  wait "$step_teller" 2>/dev/null || true
  [ "$step_code" -eq 0 ] && return 0
  say "$step_what: failed (exit $step_code); the end of $step_log:"
  tail -n "${DEV_TAIL:-60}" "$step_log" >&2
  return "$step_code"
}

# ---- packages --------------------------------------------------------------------------------

# package_lines LIST...: the meaningful lines of tests/packages/LIST.txt.
package_lines() {
  for list in "$@"; do grep -v -e '^#' -e '^[[:space:]]*$' "tests/packages/$list.txt"; done
}

# packages_missing LIST...: prints the first name of each line that nothing on this machine satisfies.
packages_missing() {
  installed=" $(dpkg-query -W -f '${binary:Package}=${db:Status-Status}\n' 2>/dev/null \
    | sed -n 's/^\([^:=]*\)[^=]*=installed$/\1/p' | tr '\n' ' ')"
  package_lines "$@" | while read -r names commands; do
    found=no
    [ -z "$commands" ] || found=yes
    for command in $commands; do has "${command#cmd:}" || found=no; done
    for name in $(printf '%s' "$names" | tr '|' ' '); do
      case $installed in *" $name "*) found=yes ;; esac
    done
    [ "$found" = yes ] || printf '%s\n' "$names"
  done
}

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  as_root=
  [ "$(id -u)" -eq 0 ] || as_root="sudo --preserve-env=DEBIAN_FRONTEND"
  $as_root apt-get -o DPkg::Lock::Timeout=300 update || say "apt-get update failed; using the lists there are"
  chosen=
  for names in "$@"; do
    for name in $(printf '%s' "$names" | tr '|' ' '); do
      if apt-cache show "$name" >/dev/null 2>&1; then chosen="$chosen $name"; continue 2; fi
    done
    chosen="$chosen ${names%%|*}"
  done
  # shellcheck disable=SC2086 # one word per package
  $as_root apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $chosen
}

# need_packages LIST...: installs what is missing, or names it and stops.
need_packages() {
  [ -z "${HYPHAD_DEV_NO_PACKAGES:-}" ] || return 0
  missing=$(packages_missing "$@" | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  if ! has apt-get; then
    say "this system has no apt-get; please install, under whatever names it uses:"
    printf '  %s\n' $missing >&2
    die "then run this again (HYPHAD_DEV_NO_PACKAGES=1 skips this check)"
  fi
  if [ "$(id -u)" -ne 0 ] && ! has sudo; then
    die "neither root nor sudo; please run: apt-get install $missing"
  fi
  say "installing packages: $missing"
  # shellcheck disable=SC2086
  step packages "apt-get" apt_install $missing || exit 1
}

# ---- environments ----------------------------------------------------------------------------

# stamp_is PATH FILE...: whether PATH holds the hash of the FILEs.
stamp_of() { cat "$@" | sha256sum | cut -d ' ' -f 1; }
stamp_is() { stamp=$1; shift; [ "$(cat "$stamp" 2>/dev/null)" = "$(stamp_of "$@")" ]; }

# need_venv DIR REQUIREMENTS [PIP ARGS...]: a Python environment with exactly those requirements.
need_venv() {
  venv=$1; requirements=$2; shift 2
  stamp_is "$venv/.stamp" "$requirements" && return 0
  say "making the Python environment $venv"
  rm -rf "$venv"
  mkdir -p "$DEPS"
  step "venv-${venv##*/}" "python3 -m venv $venv" python3 -m venv "$venv" || exit 1
  step "pip-${venv##*/}" "pip install -r $requirements" \
    "$venv/bin/python" -m pip install --disable-pip-version-check "$@" -r "$requirements" || exit 1
  stamp_of "$requirements" >"$venv/.stamp"
}

need_node_modules() {
  [ -f tests/scenes/js/package-lock.json ] || return 0
  stamp_is "$DEPS/node/.stamp" tests/scenes/js/package.json tests/scenes/js/package-lock.json && return 0
  say "installing the JavaScript clients into $DEPS/node"
  # Beside the one that is there, which scenes of another checkout may be using.
  fresh=$DEPS/node.$$
  rm -rf "$fresh"
  mkdir -p "$fresh"
  cp tests/scenes/js/package.json tests/scenes/js/package-lock.json "$fresh/"
  step npm "npm ci" npm ci --no-audit --no-fund --prefix "$fresh" || exit 1
  stamp_of tests/scenes/js/package.json tests/scenes/js/package-lock.json >"$fresh/.stamp"
  rm -rf "$DEPS/node"
  mv "$fresh" "$DEPS/node"
}

need_test_environment() {
  need_packages build test
  need_venv "$DEPS/py" tests/scenes/requirements.txt
  need_node_modules
}

# ---- build folders ---------------------------------------------------------------------------

# flavour_options NAME: the compiler and the meson options of a build folder.
flavour_options() {
  case $1 in
    release) echo "gcc --buildtype=release -Db_lto=true -Dtests=false -Dbench=false" ;;
    bench)   echo "gcc --buildtype=release -Db_lto=true -Dtests=false" ;;
    debug)   echo "gcc --buildtype=debugoptimized --werror -Dfail_alloc=true" ;;
    clang)   echo "clang --buildtype=debugoptimized --werror" ;;
    asan)    echo "clang --buildtype=debug --optimization=1 -Db_sanitize=address,undefined -Db_lundef=false -Dbench=false -Dfail_alloc=true" ;;
    tsan)    echo "clang --buildtype=debug --optimization=1 -Db_sanitize=thread -Db_lundef=false -Dbench=false -Dfail_alloc=true" ;;
    fuzz)    echo "clang --buildtype=debug --optimization=1 -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true -Dbench=false" ;;
    cover)   echo "gcc --buildtype=debug -Db_coverage=true -Dbench=false" ;;
    *)       die "no such build: $1 (release bench debug clang asan tsan fuzz cover)" ;;
  esac
}

# need_build NAME: configures .build/NAME when its options changed, then compiles it.
need_build() {
  flavour=$1
  flavour_words=$(flavour_options "$flavour") || exit 1
  compiler=${flavour_words%% *}
  options=${flavour_words#* }
  folder=$BUILD/$flavour
  if [ ! -f "$folder/build.ninja" ] || [ "$(cat "$folder/.options" 2>/dev/null)" != "$flavour_words" ]; then
    wipe=
    [ ! -f "$folder/build.ninja" ] || wipe=--wipe
    # shellcheck disable=SC2086
    step "setup-$flavour" "configuring $folder" \
      env CC="$compiler" meson setup $wipe "$folder" $options || exit 1
    printf '%s\n' "$flavour_words" >"$folder/.options"
  fi
  step "build-$flavour" "building $folder" meson compile -C "$folder" || exit 1
}

# binary_of NAME: the server's path in that build folder.
binary_of() {
  for place in "$BUILD/$1/hyphad" "$BUILD/$1/src/hyphad"; do
    if [ -x "$place" ]; then printf '%s\n' "$PWD/$place"; return 0; fi
  done
  die "no hyphad binary in $BUILD/$1"
}

# Reports of the sanitizers end the process that made them, so a test cannot pass over one.
sanitizer_environment() {
  export ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:${ASAN_OPTIONS:-}"
  export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:${UBSAN_OPTIONS:-}"
  export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:${TSAN_OPTIONS:-}"
}
