#!/bin/bash
# Takes one physical backup of the server whose data directory is mounted here, in the vendor's layout.
#
# Says what it does as one JSON object a line on stdout; see RunnerEvent. Everything else goes to stderr.
# Settings come from the environment (GALERA_BACKUP_*), the login from files: nothing foreign is ever part of a command line.
# What is not finished stays below .partial/ and is removed on the way out; the manifest is written last, and one rename publishes a finished
# backup. Every byte is counted and hashed as it goes by: nothing is read a second time.
set -euo pipefail
export LC_ALL=C
umask 027
exec 3>&1 1>&2

readonly run=/run/galera-backup secrets=/run/secrets/galera-backup
readonly mount=${GALERA_BACKUP_MOUNT:?} root=${GALERA_BACKUP_ROOT:?} id=${GALERA_BACKUP_ID:?} host=${GALERA_BACKUP_HOST:?} port=${GALERA_BACKUP_PORT:?}
readonly datadir=${GALERA_BACKUP_DATADIR:?} ratio_permille=${GALERA_BACKUP_SPACE_RATIO_PERMILLE:?} expected_kib=${GALERA_BACKUP_EXPECTED_KIB:-0}
readonly go_timeout=${GALERA_BACKUP_GO_TIMEOUT:?} hostname=${GALERA_BACKUP_HOSTNAME:-} ssl_mode=${GALERA_BACKUP_SSL_MODE:-Preferred}
readonly pipes=${GALERA_BACKUP_PIPES:-} parallel=${GALERA_BACKUP_PARALLEL:-1} throttle=${GALERA_BACKUP_THROTTLE:-0}
readonly parent=${GALERA_BACKUP_PARENT:-} from_lsn=${GALERA_BACKUP_FROM_LSN:-0} facts=${GALERA_BACKUP_FACTS:?}
readonly partial=$root/.partial/${id//\//_} locks=$root/.locks
readonly tail_bytes=33554432 unknown_uuid=00000000-0000-0000-0000-000000000000
data_paths=()
user='' password='' trimmed_password='' ca=''
failed='' to_lsn='' codec='' stream='' compressor='' started_at='' uuid='' seqno='' has_partial=''

# The client and the tool read an option file of their user after the one that they are given: it must not overrule it.
export HOME=$run

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
  failed=1
  event error id "$(json_string "$1")" message "$(json_string "$2")"
  exit 1
}

# A volume that takes no more of the log must not end the tool, whose log it is: that would hide why.
log_events() {
  local line status=0
  while IFS= read -r line || [[ -n $line ]]; do
    printf '%s\n' "$line" >&4 || status=1
    event log message "$(json_string "$line")"
  done
  return "$status"
}

# What a command said on $run/errors first: what follows it is its consequence.
first_error() {
  head -n 1 "$run/errors"
}

# --- before the replica is touched --------------------------------------------------------------------------------------------------

check_settings() {
  local stamp='[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}'
  ((BASH_VERSINFO[0] >= 5)) || fail BashTooOld "The image has bash $BASH_VERSION; the runner needs 5.0 or later."
  if [[ -z $parent ]]; then
    [[ $id =~ ^base/$stamp$ ]] || fail InvalidBackupId "'$id' is not a full backup's id."
  else
    [[ $id =~ ^incr/($stamp)/$stamp$ && $parent == "base/${BASH_REMATCH[1]}" ]] ||
      fail InvalidBackupId "'$id' is not the id of an incremental backup that continues '$parent'."
  fi
  check_root
  [[ ! -e $root/$id && ! -L $root/$id ]] || fail BackupExists "$id is already on the backup volume."
  [[ -r $datadir/ibdata1 || -d $datadir/mysql ]] || fail WrongDataVolume "$datadir does not hold a MariaDB data directory."
}

# Whoever may write to the volume could lead us out of it with a link.
check_root() {
  local path=$root
  [[ $root/ == "$mount"/* && $root/ != */../* ]] || fail BackupPathUnsafe "$root is not below $mount."
  while [[ $path != "$mount" ]]; do
    [[ ! -L $path ]] || fail BackupPathUnsafe "$path is a symbolic link."
    path=${path%/*}
  done
  for path in "$root/.partial" "$locks" "$root/base" "$root/incr" "$root/${id%/*}"; do
    [[ ! -L $path ]] || fail BackupPathUnsafe "$path is a symbolic link."
  done
  [[ -d $root ]] || fail BackupPathMissing "There is no directory $root on the backup volume."
}

# What the server keeps outside of its data directory: the tool opens it by the server's own paths.
check_server_paths() {
  local path
  while IFS= read -r path; do
    [[ -n $path ]] || continue
    [[ -d $path && -r $path && -x $path ]] ||
      fail UnsupportedLayout "The server keeps data in $path, which is no directory that uid $(id -u) can read in the runner's pod."
    data_paths+=("$path")
  done <<<"${GALERA_BACKUP_DATA_PATHS:-}"
  while IFS= read -r path; do
    [[ -z $path || -f $path && -r $path ]] ||
      fail UnsupportedLayout "The server's key file $path is not in the runner's pod, or uid $(id -u) cannot read it."
  done <<<"${GALERA_BACKUP_KEY_FILES:-}"
}

kib_of() {
  local kib
  # A live data directory loses files while du walks it: du then says 1 and its sum is still right. What is in two of them counts once.
  kib=$(du -skcD "$@" "$datadir" "${data_paths[@]}" 2>/dev/null | tail -n 1 || true)
  kib=${kib%%[[:space:]]*}
  [[ $kib =~ ^[0-9]+$ ]] || fail SizeUnknown "The size of $datadir cannot be read by uid $(id -u)."
  printf '%s' "$kib"
}

check_space() {
  local available needed_kib what='the data directory'
  database_kib=$(kib_of)
  needed_kib=$database_kib
  if ((expected_kib > needed_kib)); then
    needed_kib=$expected_kib what='one of the last backups'
  fi
  available=$(df -Pk "$root" | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)
  event space databaseKiB "$database_kib" availableKiB "$available" requiredKiB "$((needed_kib * ratio_permille / 1000))"
  ((available * 1000 > needed_kib * ratio_permille)) ||
    fail NotEnoughSpace "The backup volume has $available KiB available; it must be more than $needed_kib KiB ($what) x $ratio_permille/1000."
}

find_tool() {
  tool=$(command -v mariadb-backup || command -v mariabackup) || fail BackupToolMissing "The image has neither mariadb-backup nor mariabackup."
}

compressor() {
  /bin/bash -c "$GALERA_BACKUP_COMPRESSOR" backup-compressor "$1"
}

find_compressor() {
  if [[ -n $pipes ]]; then
    open_pipes
  else
    compressor=$(compressor choose 2>"$run/refusal") || fail CompressorMissing "$(<"$run/refusal")"
  fi
  case $compressor in
    zstd) stream=backup.stream.zst codec=zstd ;;
    pigz | gzip) stream=backup.stream.gz codec=gzip ;;
    *) stream=backup.stream codec=none ;;
  esac
}

# The compressor is in a container of its own. Once both sides have a pipe open, each notices when the other is gone.
open_pipes() {
  local deadline=$((SECONDS + 60))
  until [[ -e $pipes/program ]]; do
    [[ ! -e $pipes/refusal ]] || fail CompressorMissing "$(<"$pipes/refusal")"
    ((SECONDS < deadline)) || fail CompressorMissing "The compressor's container did not start within 60 s."
    sleep 0.2
  done
  compressor=$(<"$pipes/program")
  mkfifo "$run/feed"
  # The only one that has this pipe open: whoever else had it would keep the compressor waiting for more.
  cat "$run/feed" >"$pipes/in" &
  exec 9<"$pipes/out"
}

compress() {
  local status='' deadline
  if [[ -z $pipes ]]; then
    compressor compress
    return
  fi
  cat <&0 >"$run/feed" &
  cat <&9
  wait $! || return
  # It says so right after its last byte; one that was killed says nothing.
  deadline=$((SECONDS + 10))
  until status=$(cat "$pipes/status" 2>/dev/null) || ((SECONDS >= deadline)); do sleep 0.1; done
  cat "$pipes/error" >&2 || true
  return "${status:-1}"
}

# An incremental is worth as much as what it continues: the chain is read once more, before the replica is touched.
check_parent() {
  local progress_pid damaged
  [[ -n $parent ]] || return 0
  # Held until the end: nobody removes what this backup is worth nothing without. A listing looks at the lock for a moment.
  { mkdir -p "$locks" && exec 6>>"$locks/${parent#base/}"; } || fail BackupPathNotWritable "uid $(id -u) cannot write to $root on the backup volume."
  flock -w 10 -s 6 || fail ParentInUse "$parent is just being removed."
  [[ -f $root/$parent/manifest.json && ! -L $root/$parent ]] || fail ParentDamaged "There is no backup $parent to continue."
  report_check &
  progress_pid=$!
  find_damaged >"$run/damaged" &
  wait $!
  kill -- "-$progress_pid"
  damaged=$(<"$run/damaged")
  [[ -z $damaged ]] || fail ParentDamaged "The file $damaged is not as it was written: no incremental can continue its chain."
}

# Of the full backup and its incrementals. A manifest has the hashes of all others, and its own at its end.
find_damaged() {
  local folder manifest sum name
  for folder in "$root/$parent" "$root/incr/${parent#base/}"/*; do
    [[ -f $folder/manifest.json && ! -L $folder ]] || continue
    manifest=$(tr '\0' '\n' <"$folder/manifest.json")
    if [[ $manifest != *",\"sha256\":\"$(printf %s "${manifest%,\"sha256\":*}" | sha256sum | cut -d ' ' -f 1)\"}" ]]; then
      echo "${folder#"$root"/}/manifest.json"
      return
    fi
    while read -r sum name; do
      if [[ $(dd if="$folder/$name" bs=1M status=progress 2>"$run/counted" | sha256sum) != "$sum  -" ]]; then
        echo "${folder#"$root"/}/$name"
        return
      fi
    done < <(grep -oE '"name":"[^"/]+","size":[0-9]+,"sha256":"[0-9a-f]{64}"' <<<"$manifest" |
      sed -E 's/"name":"([^"]+)","size":[0-9]+,"sha256":"([0-9a-f]+)"/\2 \1/')
  done
}

# A large chain takes longer than a pod's start: what counts is that it goes on.
report_check() {
  local bytes=0 last
  while sleep 2; do
    last=$bytes
    bytes=$(counted_bytes)
    [[ ${bytes:-0} == "$last" ]] || event checking bytes "$bytes"
  done 2>/dev/null
}

not_writable() {
  local why
  why=$(first_error)
  # It has bytes for the backup, so it is its inodes or a quota of them.
  [[ $why != *'No space left on device' ]] || fail NotEnoughSpace "The backup volume takes no more files: $why"
  fail BackupPathNotWritable "uid $(id -u) cannot write to $root on the backup volume: $why"
}

# Its two files that grow are opened here: a volume that has not even room for their names is found before the replica is touched.
make_partial() {
  local lock=$locks/${partial##*/}
  { mkdir -p "$root/.partial" "$locks" "$root/${id%/*}" && exec 7>>"$lock" && flock -w 10 -x 7 && mkdir "$partial"; } 2>"$run/errors" ||
    not_writable
  has_partial=1
  { exec 4>"$partial/mariabackup.log" 8>"$partial/$stream"; } 2>"$run/errors" ||
    not_writable
  # Another run that cleaned up may have taken the lock for a dead one's, just before it was ours.
  [[ $lock -ef /dev/fd/7 ]] || fail BackupPathNotWritable "Another run has removed $lock."
}

# What a runner left that was killed. Whoever still writes holds its lock; the kernel gives that back when they die.
remove_left_overs() {
  local left name
  # What a removal had renamed aside. One that is still at it, and misses what is gone, is content.
  rm -rf -- "$root/.partial"/removed_* || true
  for left in "$root/.partial"/*; do
    name=${left##*/}
    [[ $name =~ ^(base|incr)_ && -d $left && ! -L $left && $left != "$partial" ]] || continue
    mkdir -p "$locks" || return 0
    (flock -n -x 8 && rm -rf -- "$left" "${locks:?}/$name") 8>>"$locks/$name" || continue
    event log message "$(json_string "Removed $left, which a run left behind that was killed.")"
  done
  # And locks of what is published or gone.
  for left in "$locks"/*; do
    name=${left##*/}
    [[ ($name =~ ^(base|incr)_ && ! -d $root/.partial/$name || $name =~ ^[0-9] && ! -d $root/base/$name) && -f $left && ! -L $left ]] || continue
    flock -n -x "$left" rm -f -- "$left" || true
  done
}

clean_up() {
  local status=$?
  trap '' TERM INT HUP
  # What a command could not do while the backup was finished; a signal is no failure of a command.
  [[ $status == 0 || $status == 143 || -n $failed ]] ||
    event error id '"StreamFailed"' message "$(json_string "The backup could not be finished: $(tail -n 1 "$run/errors" 2>/dev/null || true)")"
  # Whatever still writes goes first; a clean-up that fails must not hide why.
  local job
  for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done
  wait || true
  [[ -z $has_partial ]] || rm -rf -- "$partial" "${locks:?}/${partial##*/}" || true
  exit "$status"
}

# An option file keeps the password out of argv; its quoting is that of MariaDB's option files.
option_value() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\r'/\\r}
  printf '"%s"' "$text"
}

# read_exactly NAME FILE: a command substitution would drop newlines at the end, and they may be part of a password.
read_exactly() {
  [[ -r $2 ]] || fail CredentialUnknown "The login's file $2 is missing in the runner's pod."
  IFS= read -r -d '' "$1" <"$2" || true
}

without_last_newline() {
  local text=${1%$'\n'}
  [[ $text == "$1" ]] || text=${text%$'\r'}
  printf '%s.' "$text"
}

read_login() {
  user=${GALERA_BACKUP_USER:-}
  if [[ -z $user ]]; then
    read_exactly user "$secrets/username"
    user=$(without_last_newline "$user")
    user=${user%.}
  fi
  read_exactly password "$secrets/password"
  # A file made into a Secret often ends in a newline that nobody meant.
  trimmed_password=$(without_last_newline "$password")
  trimmed_password=${trimmed_password%.}
}

# The client takes 'ssl' for a wish: up to 11.3, and later without ssl-verify-server-cert, it goes on in plain text with a server that offers
# no TLS. check_server asks how the connection came out.
#
# ssl-ca alone makes it check the chain, in 10.11 (Connector/C 3.3) as in 11.4 and later (3.4). ssl-verify-server-cert, which is on by default
# from 11.4 on, compares the certificate with the host besides: with an address since MDEV-18131, but certificates of pods name hosts, and a
# pod has a new address after each restart. So the name is not compared here, not even for VerifyFull: the module has compared it on its own
# connection to this pod, and check_server asks whether this is that very server.
tls_options() {
  case $ssl_mode in
    # From 11.4 on the client verifies by default, and then goes nowhere without TLS.
    Preferred) echo 'skip-ssl-verify-server-cert' ;;
    Disabled) echo 'skip-ssl' ;;
    Required) printf '%s\n' 'ssl' 'skip-ssl-verify-server-cert' ;;
    VerifyCA | VerifyFull) printf '%s\n' 'ssl' "ssl-ca=$(option_value "$ca")" 'skip-ssl-verify-server-cert' ;;
    *) fail InvalidSslMode "'$ssl_mode' is no mode of TLS." ;;
  esac
}

find_authorities() {
  [[ $ssl_mode == Verify* ]] || return 0
  ca=$run/ca.pem
  if [[ -n ${GALERA_BACKUP_SSL_CA:-} ]]; then
    printf '%s\n' "$GALERA_BACKUP_SSL_CA" >"$ca"
    return
  fi
  for ca in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    [[ ! -s $ca ]] || return 0
  done
  fail SqlTlsFailed "The image knows no certificate authorities, so the server's certificate cannot be verified without -SslCa."
}

# write_login PASSWORD
write_login() {
  local tls
  tls=$(tls_options)
  (
    umask 077
    printf '[client]\nuser=%s\npassword=%s\n%s\n' "$(option_value "$user")" "$(option_value "$1")" "$tls" >"$run/login.cnf"
  )
}

# SHOW is answered in every state of a node; a SELECT is not while it is in no primary component.
ask_server() {
  timeout 20 "$client" --defaults-extra-file="$run/login.cnf" --host="$host" --port="$port" --protocol=TCP --connect-timeout=10 \
    --batch --skip-column-names --execute="SHOW GLOBAL VARIABLES WHERE Variable_name IN ('hostname', 'datadir');
      SHOW GLOBAL STATUS LIKE 'wsrep_cluster_state_uuid'; SHOW SESSION STATUS LIKE 'Ssl_cipher'" >"$run/answer" 2>"$run/refusal" || return
}

# answer NAME
answer() {
  sed -n "s/^$1\t//p" "$run/answer"
}

# refused STATUS
refused() {
  local text error
  text=$(grep -m 1 -E '^ERROR [0-9]+' "$run/refusal" || tail -n 1 "$run/refusal")
  [[ $1 != 124 ]] || text='it gave no answer within 20 s'
  case ${text#ERROR } in
    1044* | 1045* | 1130* | 1698* | 1820* | 1862* | 4151*) error=SqlAccessDenied ;;
    2026* | *'SSL connection error'* | *'TLS/SSL error'*) error=SqlTlsFailed ;;
    2058* | 2059* | 2061*) error=SqlAuthenticationUnsupported ;;
    1040* | 1047* | 1053* | 1129* | 2???' '* | 'it gave'*) error=SqlUnreachable ;;
    *) error=SqlFailed ;;
  esac
  fail "$error" "The server at $host:$port does not take mariadb-backup's login: $text"
}

# A wrong password is refused while the replica still serves. Without a client in the image the tool itself will tell, later.
check_login() {
  local status=0
  client=$(command -v mariadb || command -v mysql || true)
  if [[ -z $client ]]; then
    write_login "$trimmed_password"
    return
  fi
  write_login "$password"
  ask_server || status=$?
  if ((status != 0)) && [[ $trimmed_password != "$password" ]] && grep -qE '^ERROR (1045|1698) ' "$run/refusal"; then
    status=0
    write_login "$trimmed_password"
    ask_server || status=$?
  fi
  ((status == 0)) || refused "$status"
  check_server
}

# The tool reads files here and talks to a server there, and hardly notices if the two are not one.
check_server() {
  local live_hostname live_datadir live_uuid uuid
  live_hostname=$(answer hostname)
  live_datadir=$(answer datadir)
  live_uuid=$(answer wsrep_cluster_state_uuid)
  [[ $ssl_mode == Preferred || $ssl_mode == Disabled || -n $(answer Ssl_cipher) ]] ||
    fail SqlTlsFailed "The server at $host:$port offers no TLS, which is $ssl_mode."
  [[ -z $hostname || $live_hostname == "$hostname" ]] ||
    fail WrongServer "The server at $host:$port is $live_hostname, not $hostname."
  [[ $(realpath -ms -- "$live_datadir") == $(realpath -ms -- "$datadir") ]] ||
    fail WrongServer "The server at $host:$port has its data in $live_datadir, not in $datadir."
  uuid=$(sed -n 's/^uuid:[[:space:]]*\([0-9a-f-]*\).*/\1/p' "$datadir/grastate.dat" 2>/dev/null || true)
  # Not known on either side: nothing to compare.
  [[ ${uuid:-$unknown_uuid} == "$unknown_uuid" || ${live_uuid:-$unknown_uuid} == "$unknown_uuid" || $live_uuid == "$uuid" ]] ||
    fail WrongServer "The server at $host:$port is of the Galera cluster $live_uuid, but the files in $datadir are of $uuid."
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
counted_bytes() {
  tr '\r' '\n' <"$run/counted" | sed -n 's/^\([0-9][0-9]*\) bytes .*/\1/p' | tail -n 1
}

report_progress() {
  local total_kib bytes stored
  total_kib=$(kib_of --exclude=galera.cache '--exclude=gcache.page.*' '--exclude=ib_logfile*' '--exclude=*-bin.*' '--exclude=binlog.*')
  while sleep 1; do
    bytes=$(counted_bytes) || continue
    if [[ -n $bytes ]] && stored=$(stat -c %s "$partial/$stream"); then
      event progress bytes "$bytes" totalBytes "$((total_kib * 1024))" storedBytes "$stored"
    fi
  done 2>/dev/null
}

copy_server() {
  local started=$EPOCHREALTIME status=0
  local -a options=(--parallel="$parallel")
  ((throttle == 0)) || options+=(--throttle="$throttle")
  [[ -z $parent ]] || options+=(--incremental-lsn="$from_lsn")
  event copying
  "$tool" --defaults-extra-file="$run/login.cnf" --backup --stream=xbstream --galera-info "${options[@]}" \
    --host="$host" --port="$port" --datadir="$datadir" --target-dir="$run/target" --extra-lsndir="$partial" 2>"$run/log" || status=$?
  local ended=$EPOCHREALTIME
  event copied status "$status" milliseconds "$(((${ended/./} - ${started/./}) / 1000))"
  return "$status"
}

take_backup() {
  local log_pid tail_pid sum_pid progress_pid logged=0
  started_at=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  mkfifo "$run/log" "$run/tail.pipe" "$run/sum.pipe"
  mkdir "$run/target"
  log_events <"$run/log" 2>>"$run/errors" &
  log_pid=$!
  # The end of the stream is kept: there mariadb-backup puts the Galera position.
  tail -c "$tail_bytes" <"$run/tail.pipe" >"$run/tail" &
  tail_pid=$!
  sha256sum <"$run/sum.pipe" >"$run/sum" &
  sum_pid=$!
  report_progress &
  progress_pid=$!
  {
    set +e
    # A volume that takes no more ends all of it at once: the replica must not wait for what nobody keeps.
    copy_server | dd bs=256K status=progress 2>"$run/counted" | tee "$run/tail.pipe" | compress | tee --output-error=exit "$run/sum.pipe" >&8
    printf '%s ' "${PIPESTATUS[@]}" >"$run/statuses"
  } 2>>"$run/errors" &
  # In the background and waited for: a signal is heard at once, not when the backup is over.
  wait $!
  kill -- "-$progress_pid" 2>/dev/null || true
  wait "$log_pid" || logged=$?
  wait "$tail_pid" "$sum_pid"
  exec 4>&- 8>&-
  cat "$run/errors" >&2
  rm -f "$run/login.cnf"
  check_backup "$logged"
}

# tool_failed STATUS LAST. Its last words may be of something else, and of its own files it only says that it cannot open them.
tool_failed() {
  local why
  why=$(grep -aE 'Errcode|ERROR|[Ee]rror:' "$partial/mariabackup.log" | tail -n 1) || why=$2
  { : >"$partial/probe"; } 2>"$run/errors" || why+=" The backup volume: $(first_error)"
  fail BackupToolFailed "mariadb-backup ended with status $1: $why"
}

# check_backup LOGGED: the status of what wrote the log
check_backup() {
  local copied counted passed compressed summed last why
  read -r copied counted passed compressed summed <"$run/statuses" || true
  last=$(tail -n 1 "$partial/mariabackup.log")
  # Either sign alone has lied: the exit status of every stage, and the log's last line. A stage that breaks takes those before it along,
  # never those behind it: so the stream comes first, or a full volume would be called the tool's failure.
  why=$(first_error)
  ((counted == 0 && passed == 0 && compressed == 0 && summed == 0 && $1 == 0)) ||
    fail StreamFailed "The stream was not written whole${why:+: $why}. dd ended with $counted, tee with $passed, $compressor with $compressed, the last tee with $summed, the log with $1."
  ((copied == 0)) || tool_failed "$copied" "$last"
  [[ $last == *'completed OK!' ]] || fail BackupToolFailed "mariadb-backup ended with status 0 but without 'completed OK!': $last"
  to_lsn=$(value to_lsn "$partial/"*checkpoints)
  [[ $(value from_lsn "$partial/"*checkpoints) == "$from_lsn" && $to_lsn =~ ^[0-9]+$ ]] ||
    fail BackupToolFailed "mariadb-backup did not note the LSN ($from_lsn) that it was to begin from, or none that it came to."
}

# The tool writes UUID:seqno into a small file of the stream, and nowhere else. The stream names each file twice: before its content, and
# in its end mark.
read_position() {
  local offset text
  while IFS=: read -r offset _; do
    text=$(dd if="$run/tail" bs=4096 iflag=skip_bytes,count_bytes skip="$offset" count=256 2>/dev/null | tr -d '\0')
    if [[ $text =~ ([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}):([0-9]+) ]]; then
      uuid=${BASH_REMATCH[1]} seqno=${BASH_REMATCH[3]}
    fi
  done < <(grep -aobE '(xtrabackup|mariadb_backup)_galera_info' "$run/tail" | tail -n 8)
}

# value KEY FILE...: a value of the tool's own notes
value() {
  local key=$1
  shift
  sed -n "s/^$key = //p" "$@" | tail -n 1
}

# number_or_null TEXT
number_or_null() {
  if [[ $1 =~ ^[0-9]+$ ]]; then printf '%s' "$1"; else printf null; fi
}

files() {
  local path sum size separator=''
  for path in "$partial"/*; do
    if [[ $path == "$partial/$stream" ]]; then
      read -r sum _ <"$run/sum"
    else
      sum=$(sha256sum <"$path")
    fi
    size=$(stat -c %s "$path")
    printf '%s{"name":%s,"size":%s,"sha256":"%s"}' "$separator" "$(json_string "${path##*/}")" "$size" "${sum%% *}"
    separator=,
  done
}

hash_of() {
  sha256sum <"$1" | cut -d ' ' -f 1
}

# On one line, so that a listing of thousands reads them with grep.
write_manifest() {
  local gtid stored
  gtid=$(value binlog_pos "$partial/"*info | sed -n "s/.*GTID of the last change '\([^']*\)'.*/\1/p")
  stored=$(stat -c %s "$partial"/* | { total=0; while read -r size; do total=$((total + size)); done; echo "$total"; })
  {
    printf '{"schemaVersion":1,"id":%s,"type":"%s",' "$(json_string "$id")" "$([[ -n $parent ]] && echo Incremental || echo Full)"
    printf '"parent":%s,"base":%s,' "$([[ -n $parent ]] && json_string "$parent" || echo null)" "$(json_string "${parent:-$id}")"
    printf '"position":{"seqno":%s,"gtid":%s,' "$(number_or_null "$seqno")" "$([[ -n $gtid ]] && json_string "$gtid" || echo null)"
    printf '"fromLsn":%s,"toLsn":%s},' "$from_lsn" "$to_lsn"
    printf '"cluster":{%s,"uuid":%s},' "$(fact cluster)" "$([[ -n $uuid ]] && json_string "$uuid" || echo null)"
    printf '"server":{%s,"version":%s,"toolVersion":%s},' "$(fact server)" \
      "$(json_string "$(value server_version "$partial/"*info)")" "$(json_string "$(value tool_version "$partial/"*info)")"
    printf '"startedAt":"%s","finishedAt":"%s",' "$started_at" "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    printf '"databaseBytes":%s,"streamedBytes":%s,"storedBytes":%s,' "$((database_kib * 1024))" "$(counted_bytes)" "$stored"
    printf '"codec":"%s","files":[%s],%s,"encryption":null,"copies":[],"proof":null' "$codec" "$(files)" "$(fact run)"
  } >"$run/manifest.json"
  # It has the hashes of all others, and its own at its end: of all text before.
  printf ',"sha256":"%s"}\n' "$(hash_of "$run/manifest.json")" >>"$run/manifest.json"
  cp "$run/manifest.json" "$partial/manifest.json"
}

# fact NAME: members of the manifest that only the orchestrator knows, in JSON, one NAME=MEMBERS a line
fact() {
  sed -n "s/^$1=//p" <<<"$facts"
}

publish() {
  exec 2>"$run/errors"
  read_position
  cp "$datadir/grastate.dat" "$partial/grastate.dat"
  : >"$partial/backup.successful"
  write_manifest
  sync "$partial"/* "$partial"
  mv -T "$partial" "$root/$id"
  has_partial=''
  rm -f -- "$locks/${partial##*/}" || true
  sync "$root/${id%/*}" "$root"
  # With its hash, for the way through the log: a result that was damaged on it is none.
  event result manifest "\"$(base64 -w 0 <"$run/manifest.json")\"" sha256 "\"$(hash_of "$run/manifest.json")\""
}

main() {
  set -m # a process group for each job, so that a clean-up reaches all of its processes
  trap 'exit 143' TERM INT HUP
  trap clean_up EXIT
  check_settings
  check_server_paths
  find_tool
  find_compressor
  remove_left_overs
  check_space
  read_login
  find_authorities
  check_login
  check_parent
  make_partial
  wait_for_go
  take_backup
  publish
}

main
