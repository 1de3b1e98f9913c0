#!/bin/bash
# Lists or removes backups below a backup root in the vendor's layout. Called through exec: backup-store list | remove ID.
#
# Prints one JSON object a line; exit status 0 only if all was done, 3 if the root is none, 4 if the id is no backup's. Touches only names of
# the layout and follows no symbolic link below the volume's mount. Whatever is gone when it is to be removed, is removed: another run may be
# at it at the same time.
set -euo pipefail
export LC_ALL=C
readonly root=${GALERA_BACKUP_ROOT:?} mount=${GALERA_BACKUP_MOUNT:?}
readonly partial=$root/.partial
readonly stamp='[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}'

# refuse STATUS MESSAGE
refuse() {
  echo "$2" >&2
  exit "$1"
}

check_root() {
  local path=$root
  [[ $root/ == "$mount"/* && $root/ != */../* ]] || refuse 3 "$root is not below $mount."
  while [[ $path != "$mount" ]]; do
    [[ ! -L $path ]] || refuse 3 "$path is a symbolic link."
    path=${path%/*}
  done
  [[ -d $root/base && ! -L $root/base ]] || refuse 3 "$root is no backup root: it has no folder 'base'."
}

is_backup() {
  local path=$root/$1
  [[ $1 =~ ^base/$stamp$ || $1 =~ ^incr/$stamp/$stamp$ ]] && [[ -d $path && ! -L $path && ! -L ${path%/*} && ! -L $root/${1%%/*} ]]
}

is_gone() {
  [[ ! -e $1 && ! -L $1 ]]
}

list() {
  local path id complete size
  for path in "$root"/base/*/ "$root"/incr/*/*/; do
    id=${path#"$root"/}
    id=${id%/}
    is_backup "$id" || continue
    complete=false
    [[ -e $root/$id/backup.successful ]] && complete=true
    if ! size=$(du -sb -- "$root/$id"); then
      is_gone "$root/$id" || exit 1
      continue
    fi
    printf '{"id":"%s","complete":%s,"sizeBytes":%s}\n' "$id" "$complete" "${size%%[[:space:]]*}"
  done
}

# Another removal may be at the same folder, and each then misses what the other has taken.
remove_folder() {
  local tries
  for tries in 1 2 3; do
    rm -rf -- "$1" && return
    ! is_gone "$1" || return 0
    ((tries < 3)) || return 1
  done
}

# Renamed aside first: what is removed by half is never taken for a backup.
remove() {
  local aside left
  [[ ! -L $partial ]] || refuse 3 "$partial is a symbolic link."
  for left in "$partial"/removed_*; do
    is_gone "$left" || remove_folder "$left"
  done
  ! is_gone "$root/$1" || return 0
  is_backup "$1" || refuse 4 "'$1' is not a backup of this layout."
  aside=$partial/removed_${1//\//_}
  mkdir -p "$partial"
  if ! mv -T -- "$root/$1" "$aside"; then
    is_gone "$root/$1" || exit 1
    return 0
  fi
  remove_folder "$aside"
  # The folder of a chain's increments goes with its last one.
  [[ $1 == base/* ]] || rmdir -- "$root/${1%/*}" 2>/dev/null || true
}

case ${1:-} in
  list) check_root; list ;;
  remove) check_root; remove "${2:?}" ;;
  *) echo 'usage: backup-store list | remove ID' >&2; exit 2 ;;
esac
