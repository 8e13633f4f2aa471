# Everything under scripts/lib, in the order in which the files need each other.
# shellcheck shell=bash

_library=$(dirname "${BASH_SOURCE[0]}")
for _part in common system tools python environments; do
    # shellcheck source=/dev/null
    . "$_library/$_part.sh"
done
unset _library _part
