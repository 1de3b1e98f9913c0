#!/bin/bash
# Lists, marks or removes backups below a backup root in the vendor's layout. Called through exec:
# backup-store list | keep ID | unkeep ID | remove ID.
#
# Exit status 0 only if all was done, 3 if the root is none, 4 if the id is no backup's, 5 if it is in use. Touches only names of
# the layout and follows no symbolic link below the volume's mount. Whatever is gone when it is to be removed, is removed: another run may be
# at it at the same time.
set -euo pipefail
export LC_ALL=C
readonly root=${GALERA_BACKUP_ROOT:?} mount=${GALERA_BACKUP_MOUNT:?}
readonly partial=$root/.partial locks=$root/.locks
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

# "l STAMP" for each chain that somebody holds: a runner that continues it, a restore that reads it. Almost every chain has a lock, and a process
# for each takes longer than all the rest of a long listing: perl, which MariaDB's images have, asks for all of them in one.
list_locks() {
  local lock
  [[ -d $locks ]] || return 0
  if perl -MFcntl -MErrno -e 1 2>/dev/null; then
    find "$locks" -mindepth 1 -maxdepth 1 -type f -print0 | perl -0 -MFcntl=:flock -ne 'chomp;
      open(my $lock, "+<", $_) or open($lock, "<", $_) or next;
      print "l ", s|.*/||sr, "\n" unless flock($lock, LOCK_EX | LOCK_NB) or not $!{EWOULDBLOCK}'
    return
  fi
  for lock in "$locks"/*; do
    [[ ! -f $lock || -L $lock ]] || flock -n -x "$lock" true 2>/dev/null || (($? != 1)) || echo "l ${lock##*/}"
  done
}

# What there is, by name: "f SIZE PATH" for each file, "m ID/manifest.json:TEXT" for each manifest, and at the end the listing's own length and
# hash, which its reader checks: thousands of lines are long on the way. No file of a backup is opened but the manifests. Names that are not
# printable ASCII are nobody's backup, and would not come through unharmed.
list() {
  local listing
  listing=$(mktemp)
  # shellcheck disable=SC2064 # Its value now.
  trap "rm -f -- '$listing'" EXIT
  cd -- "$root"
  {
    find base incr -mindepth 2 -maxdepth 3 -type f ! -path '*[! -~]*' -printf 'f %s %p\n' 2>/dev/null || true
    # A damaged one must not spoil the listing: what no manifest has in it becomes what none has either, and its checksum tells.
    find base incr -mindepth 2 -maxdepth 3 -type f -name manifest.json ! -path '*[! -~]*' -size -1024k -exec grep -aHm 1 '' {} + 2>/dev/null |
      tr -c '\n -~' '\177' | sed 's/^/m /' || true
    list_locks
  } >"$listing"
  cat -- "$listing"
  printf 'end %s %s\n' "$(stat -c %s "$listing")" "$(sha256sum <"$listing" | cut -d ' ' -f 1)"
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

# chain_of ID: the stamp of its full backup
chain_of() {
  local path=${1#*/}
  printf '%s' "${path%%/*}"
}

# keep ID | unkeep ID: a mark that no rule of retention passes over
keep() {
  is_backup "$1" || refuse 4 "'$1' is not a backup of this layout."
  : >"$root/$1/keep"
  sync "$root/$1"
}

unkeep() {
  is_backup "$1" || refuse 4 "'$1' is not a backup of this layout."
  rm -f -- "$root/$1/keep"
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
  [[ ! -L $locks ]] || refuse 3 "$locks is a symbolic link."
  mkdir -p "$partial" "$locks"
  # Whoever reads or continues the chain holds this lock, from a pod or from a mounted folder; the kernel gives it back when they die.
  exec 9>>"$locks/$(chain_of "$1")"
  if ! flock -n -x 9; then
    # Readers share it; another removal has it alone, and will be done.
    ! flock -n -s 9 || refuse 5 "Somebody reads or continues the chain of $1."
    flock -x -w 600 9 || refuse 5 "Another removal of the chain of $1 does not end."
    ! is_gone "$root/$1" || return 0
  fi
  if ! mv -T -- "$root/$1" "$aside"; then
    is_gone "$root/$1" || exit 1
    return 0
  fi
  remove_folder "$aside"
  # The folder of a chain's increments goes with its last one.
  if [[ $1 == base/* ]]; then
    rm -f -- "$locks/$(chain_of "$1")" || true
  else
    rmdir -- "$root/${1%/*}" 2>/dev/null || true
  fi
}

case ${1:-} in
  list) check_root; list ;;
  keep | unkeep | remove) check_root; "$1" "${2:?}" ;;
  *) echo 'usage: backup-store list | keep ID | unkeep ID | remove ID' >&2; exit 2 ;;
esac
