#!/bin/sh
# install.sh: the step of `meson install` that puts the JavaScript client where the server looks for it. Without npm or a registry
# everything else is installed all the same.
here=$(cd "$(dirname "$0")" && pwd)
target=$MESON_INSTALL_DESTDIR_PREFIX/share/hyphad/web
if command -v npm >/dev/null 2>&1 && sh "$here/fetch.sh" "$target"; then
  echo "The JavaScript client is in $target"
else
  echo "The JavaScript client is not installed, /assets answers 404: run $here/fetch.sh $target where npm works"
fi
