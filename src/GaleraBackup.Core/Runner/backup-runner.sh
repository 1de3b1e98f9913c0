#!/bin/bash
# Takes one physical backup of the server whose data directory is mounted here, in the vendor's layout.
#
# Says what it does as one JSON object a line on stdout; see RunnerEvent. Everything else goes to stderr.
# Settings come from the environment (GALERA_BACKUP_*), the login from files: nothing foreign is ever part of a command line.
# What is not finished stays below .partial/ and is removed on the way out; one rename publishes a finished backup.
set -euo pipefail
export LC_ALL=C
umask 027
exec 3>&1 1>&2

readonly run=/run/galera-backup secrets=/run/secrets/galera-backup
readonly root=${GALERA_BACKUP_ROOT:?} id=${GALERA_BACKUP_ID:?} host=${GALERA_BACKUP_HOST:?} port=${GALERA_BACKUP_PORT:?}
readonly datadir=${GALERA_BACKUP_DATADIR:?} ratio_permille=${GALERA_BACKUP_SPACE_RATIO_PERMILLE:?}
readonly go_timeout=${GALERA_BACKUP_GO_TIMEOUT:?}
readonly partial=$root/.partial/${id//\//_}
readonly tail_bytes=33554432

# --- what it says ------------------------------------------------------------------------------------------------------------------

json_string() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  printf '"%s"' "${text//[[:cntrl:]]/}"
}

# event NAME [KEY JSON]...
event() {
  local line
  line="{\"event\":\"$1\""
  shift
  while (($#)); do
    line+=",\"$1\":$2"
    shift 2
  done
  printf '%s}\n' "$line" >&3
}

# fail ID MESSAGE
fail() {
  event error id "$(json_string "$1")" message "$(json_string "$2")"
  exit 1
}

log_events() {
  local line
  while IFS= read -r line || [[ -n $line ]]; do
    printf '%s\n' "$line" >&4
    event log message "$(json_string "$line")"
  done
}

# --- before the replica is touched --------------------------------------------------------------------------------------------------

check_settings() {
  local stamp='[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}'
  ((BASH_VERSINFO[0] >= 5)) || fail BashTooOld "The image has bash $BASH_VERSION; the runner needs 5.0 or later."
  [[ $id =~ ^base/$stamp$ ]] || fail InvalidBackupId "'$id' is not a full backup's id."
  [[ -d $root ]] || fail BackupPathMissing "There is no directory $root on the backup volume."
  [[ ! -e $root/$id ]] || fail BackupExists "$id is already on the backup volume."
  [[ -r $datadir/ibdata1 || -d $datadir/mysql ]] || fail WrongDataVolume "$datadir does not hold a MariaDB data directory."
}

kib_of() {
  local kib
  # A live data directory loses files while du walks it: du then says 1 and its sum is still right.
  kib=$(du -sk "$@" "$datadir" 2>/dev/null || true)
  kib=${kib%%[[:space:]]*}
  [[ $kib =~ ^[0-9]+$ ]] || fail SizeUnknown "The size of $datadir cannot be read by uid $(id -u)."
  printf '%s' "$kib"
}

check_space() {
  local available
  database_kib=$(kib_of)
  available=$(df -Pk "$root" | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)
  event space databaseKiB "$database_kib" availableKiB "$available" requiredKiB "$((database_kib * ratio_permille / 1000))"
  ((available * 1000 > database_kib * ratio_permille)) ||
    fail NotEnoughSpace "The backup volume has $available KiB available; it must be more than $database_kib KiB (the data directory) x $ratio_permille/1000."
}

find_tool() {
  tool=$(command -v mariadb-backup || command -v mariabackup) || fail BackupToolMissing "The image has neither mariadb-backup nor mariabackup."
}

make_partial() {
  { mkdir -p "$root/.partial" "$root/base" && mkdir "$partial"; } ||
    fail BackupPathNotWritable "uid $(id -u) cannot write to $root on the backup volume."
  trap remove_partial EXIT
}

remove_partial() {
  local status=$?
  trap '' TERM INT HUP
  # Whatever still writes goes first; a clean-up that fails must not hide why.
  local job
  for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done
  wait || true
  rm -rf -- "$partial" || true
  exit "$status"
}

# An option file keeps the password out of argv; its quoting is that of MariaDB's option files.
option_value() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  printf '"%s"' "$text"
}

write_login() {
  local user=${GALERA_BACKUP_USER:-}
  [[ -n $user ]] || user=$(<"$secrets/username")
  (
    umask 077
    {
      printf '[client]\nuser=%s\n' "$(option_value "$user")"
      printf 'password=%s\n' "$(option_value "$(<"$secrets/password")")"
    } >"$run/login.cnf"
  )
}

# The replica is desynced only now; the word comes through this pipe.
wait_for_go() {
  mkfifo -m 600 "$run/go"
  exec 5<>"$run/go"
  event ready
  read -r -t "$go_timeout" -u 5 _ || fail GoTimedOut "Nobody said within $go_timeout s that the replica is desynced."
  exec 5>&-
}

# --- the backup ---------------------------------------------------------------------------------------------------------------------

# Bytes that have gone through dd so far: it says so every second, each time behind a carriage return.
streamed_bytes() {
  tr '\r' '\n' <"$run/counted" | sed -n 's/^\([0-9][0-9]*\) bytes .*/\1/p' | tail -n 1
}

report_progress() {
  local total_kib bytes stored
  total_kib=$(kib_of --exclude=galera.cache '--exclude=gcache.page.*' '--exclude=ib_logfile*' '--exclude=*-bin.*' '--exclude=binlog.*')
  while sleep 1; do
    bytes=$(streamed_bytes) || continue
    if [[ -n $bytes ]] && stored=$(stat -c %s "$partial/backup.stream.gz"); then
      event progress bytes "$bytes" totalBytes "$((total_kib * 1024))" storedBytes "$stored"
    fi
  done 2>/dev/null
}

copy_server() {
  local started=$EPOCHREALTIME status=0
  event copying
  "$tool" --defaults-extra-file="$run/login.cnf" --backup --stream=xbstream --galera-info \
    --host="$host" --port="$port" --datadir="$datadir" --target-dir="$run/target" --extra-lsndir="$partial" 2>"$run/log" || status=$?
  local ended=$EPOCHREALTIME
  event copied status "$status" milliseconds "$(((${ended/./} - ${started/./}) / 1000))"
  return "$status"
}

take_backup() {
  local log_pid tail_pid progress_pid
  mkfifo "$run/log" "$run/tail.pipe"
  mkdir "$run/target"
  set -m # a process group for each job, so that a clean-up reaches all of its processes
  log_events <"$run/log" 4>"$partial/mariabackup.log" &
  log_pid=$!
  # The end of the stream is kept: there mariadb-backup puts the Galera position.
  tail -c "$tail_bytes" <"$run/tail.pipe" >"$run/tail" &
  tail_pid=$!
  report_progress &
  progress_pid=$!
  {
    set +e
    copy_server | dd bs=256K status=progress 2>"$run/counted" | tee "$run/tail.pipe" | gzip -c >"$partial/backup.stream.gz"
    printf '%s ' "${PIPESTATUS[@]}" >"$run/statuses"
  } &
  # In the background and waited for: a signal is heard at once, not when the backup is over.
  wait $!
  kill -- "-$progress_pid" 2>/dev/null || true
  wait "$log_pid" "$tail_pid"
  rm -f "$run/login.cnf"
  check_backup
}

check_backup() {
  local copied counted passed compressed last
  read -r copied counted passed compressed <"$run/statuses" || true
  last=$(tail -n 1 "$partial/mariabackup.log")
  # Either sign alone has lied: the exit status of every stage, and the log's last line. A stage that breaks takes those before it along,
  # never those behind it: so the stream comes first, or a full volume would be called the tool's failure.
  ((counted == 0 && passed == 0 && compressed == 0)) ||
    fail StreamFailed "The stream was not written whole: dd ended with $counted, tee with $passed, gzip with $compressed."
  ((copied == 0)) || fail BackupToolFailed "mariadb-backup ended with status $copied: $last"
  [[ $last == *'completed OK!' ]] || fail BackupToolFailed "mariadb-backup ended with status 0 but without 'completed OK!': $last"
}

# The tool writes UUID:seqno into a small file of the stream, and nowhere else. The stream names each file twice: before its content, and
# in its end mark.
read_position() {
  local offset text
  while IFS=: read -r offset _; do
    text=$(dd if="$run/tail" bs=4096 iflag=skip_bytes,count_bytes skip="$offset" count=256 2>/dev/null | tr -d '\0')
    if [[ $text =~ ([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}):([0-9]+) ]]; then
      position=(uuid "\"${BASH_REMATCH[1]}\"" seqno "${BASH_REMATCH[3]}")
    fi
  done < <(grep -aobE '(xtrabackup|mariadb_backup)_galera_info' "$run/tail" | tail -n 8)
}

publish() {
  local to_lsn streamed stored version
  local -a position=()
  read_position
  to_lsn=$(sed -n 's/^to_lsn = \([0-9]*\)$/\1/p' "$partial/"*checkpoints)
  version=$(sed -n 's/^server_version = //p' "$partial/"*info)
  stored=$(stat -c %s "$partial/backup.stream.gz")
  streamed=$(streamed_bytes)
  cp "$datadir/grastate.dat" "$partial/grastate.dat"
  : >"$partial/backup.successful"
  sync "$partial"/* "$partial"
  mv -T "$partial" "$root/$id"
  trap - EXIT
  sync "$root/base" "$root"
  event result id "$(json_string "$id")" "${position[@]}" toLsn "${to_lsn:-null}" streamedBytes "$streamed" storedBytes "$stored" \
    databaseKiB "$database_kib" serverVersion "$(json_string "$version")"
}

main() {
  trap 'exit 143' TERM INT HUP
  check_settings
  find_tool
  check_space
  make_partial
  write_login
  wait_for_go
  take_backup
  publish
}

main
