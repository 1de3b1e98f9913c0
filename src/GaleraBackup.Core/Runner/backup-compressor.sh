#!/bin/sh
# Compresses a backup's stream: on all cores, but behind everything else that wants them. POSIX, since the image may be a small one with
# nothing but a shell and a compressor.
#
#   backup-compressor choose    prints the program that it would run
#   backup-compressor compress  stdin to stdout, with the program that choose named
#   backup-compressor serve     chooses and compresses from pipe to pipe, in a container of its own beside the runner's
set -eu

choose() {
  case $GALERA_BACKUP_COMPRESSION in
    Auto) candidates='zstd pigz gzip' ;;
    Zstd) candidates=zstd ;;
    Gzip) candidates='pigz gzip' ;;
    None) candidates='cat' ;;
    *) candidates='' ;;
  esac
  for program in $candidates; do
    if command -v "$program" >/dev/null; then
      echo "$program"
      return
    fi
  done
  echo "The image has no program for -Compression $GALERA_BACKUP_COMPRESSION (${candidates:-unknown})." >&2
  return 1
}

compress() {
  program=$(choose)
  cores=$(nproc 2>/dev/null || echo 1)
  case $program in
    # Level 2 is the fastest that stays below gzip's size; the next, zstd's own default, takes up to twice the time for some percent.
    zstd) set -- zstd -q -c -2 "-T$cores" ;;
    pigz) set -- pigz -c -p "$cores" ;;
    *) set -- "$program" ;;
  esac
  exec nice -n 10 "$@"
}

# The runner waits for the file 'program' or 'refusal', then opens both pipes in this order, so that the end of either side is noticed by the
# other. 'status' tells a stream that ended from one that broke off.
serve() {
  cd "$GALERA_BACKUP_PIPES"
  if ! choose >program.new 2>refusal.new; then
    mv refusal.new refusal
    return 1
  fi
  mkfifo in out
  mv program.new program
  status=0
  # In the background and waited for: PID 1 hears a signal only then.
  compress <in >out 2>error &
  wait $! || status=$?
  echo "$status" >status.new
  mv status.new status
  return "$status"
}

trap 'exit 143' TERM INT HUP
"$1"
