#!/bin/bash
# Starts one member of the Galera cluster, wholly as the user mysql. The peers' addresses come from the headless Service's names,
# so that no IP is fixed anywhere.
set -euo pipefail

readonly data=/var/lib/mysql
readonly ordinal=${HOSTNAME##*-}
readonly set_name=${HOSTNAME%-*}
readonly grastate=$data/grastate.dat

log() { printf 'entrypoint: %s\n' "$*" >&2; }
die() { log "$*"; exit 1; }

# Prints the address of the member with the given ordinal, or nothing.
address_of() {
  getent ahostsv4 "$set_name-$1.$DISCOVERY_SERVICE.$POD_NAMESPACE.svc.cluster.local" | awk 'NR == 1 { print $1 }' || true
}

# The Service publishes pods that are not ready, this one too. While our own name is unknown, the DNS has nothing to say about the
# peers either, and taking that for "there are none" would bootstrap a second cluster beside a living one.
wait_for_own_name() {
  local try
  for try in {1..60}; do
    [[ $(address_of "$ordinal") != "$POD_IP" ]] || return 0
    sleep 0.5
  done
  die "the DNS does not know this pod after $try tries"
}

peer_addresses() {
  local found=() i address
  for ((i = 0; i < CLUSTER_REPLICAS; i++)); do
    [[ $i != "$ordinal" ]] || continue
    address=$(address_of "$i")
    [[ -z $address ]] || found+=("$address")
  done
  local IFS=,
  printf '%s' "${found[*]:-}"
}

# A string literal for SQL. The passwords of this lab hold quotes, backslashes and dollar signs on purpose.
sql_literal() {
  local text=$1
  text=${text//"\\"/"\\\\"}
  text=${text//"'"/"\\'"}
  printf "'%s'" "$text"
}

create_database() {
  # Without --no-defaults it reads wsrep_on from the configuration and gives up.
  mariadb-install-db --no-defaults --datadir="$data" --skip-test-db \
    --auth-root-authentication-method=socket --auth-root-socket-user=mysql > /dev/null
  mariadbd --no-defaults --datadir="$data" --bootstrap << SQL
FLUSH PRIVILEGES;
CREATE USER $(sql_literal "$MYSQL_DBADMIN_USERNAME")@'%' IDENTIFIED BY $(sql_literal "$MYSQL_DBADMIN_PASSWORD");
GRANT ALL PRIVILEGES ON *.* TO $(sql_literal "$MYSQL_DBADMIN_USERNAME")@'%' WITH GRANT OPTION;
CREATE USER $(sql_literal "$MYSQL_BACKUP_USERNAME")@'%' IDENTIFIED BY $(sql_literal "$MYSQL_BACKUP_PASSWORD");
GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICA MONITOR, CONNECTION ADMIN ON *.* TO $(sql_literal "$MYSQL_BACKUP_USERNAME")@'%';
CREATE USER $(sql_literal "$MYSQL_DBSST_USERNAME")@'localhost' IDENTIFIED BY $(sql_literal "$MYSQL_DBSST_PASSWORD");
GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICA MONITOR, CONNECTION ADMIN ON *.* TO $(sql_literal "$MYSQL_DBSST_USERNAME")@'localhost';
SQL
}

# After a crash grastate.dat says seqno -1; InnoDB knows the position. Prints UUID:SEQNO, or nothing.
recover_position() {
  mariadbd --wsrep-cluster-address=gcomm:// --wsrep-recover --disable-log-error 2>&1 \
    | sed -n 's/.*Recovered position: *//p' | tail -n 1 | cut -d, -f1
}

[[ $(id -un) == mysql ]] || die "this pod runs as $(id -un) ($(id -u)), not as mysql: the socket's account would not let the probes in"
[[ -w $data ]] || die "$data is not writable for uid $(id -u): give the volume to it"

(
  umask 077
  printf '[mariadbd]\nwsrep_sst_auth="%s:%s"\n' "$MYSQL_DBSST_USERNAME" "$MYSQL_DBSST_PASSWORD" > /run/mysqld/sst.cnf
)

wait_for_own_name
peers=
for try in 1 2 3 4 5; do
  peers=$(peer_addresses)
  [[ -z $peers ]] || break
  [[ $ordinal != 0 || $try -lt 3 ]] || break
  sleep 1
done

options=()
if [[ -n $peers ]]; then
  log "joining $peers"
elif [[ $ordinal != 0 ]]; then
  die "there are no peers, and only ordinal 0 may start a cluster"
elif [[ ! -d $data/mysql ]]; then
  log "an empty volume and no peers: a new cluster"
  create_database
  options+=(--wsrep-new-cluster)
elif [[ ! -e $grastate ]]; then
  # The first start died between the database and Galera's first state, or somebody put a restored copy here without one.
  log "a database that never was in a cluster: a new cluster"
  options+=(--wsrep-new-cluster)
elif grep -q '^safe_to_bootstrap: *1' "$grastate"; then
  log "the last to leave: bootstrapping"
  options+=(--wsrep-new-cluster)
elif [[ $FORCE_BOOTSTRAP == true ]]; then
  log "not the last to leave, but told to go on: bootstrapping"
  sed -i 's/^safe_to_bootstrap: *0/safe_to_bootstrap: 1/' "$grastate"
  options+=(--wsrep-new-cluster)
else
  die "no peers and safe_to_bootstrap is 0: set force-bootstrap to \"true\" in the ConfigMap mariadb-lab to go on from this copy"
fi

if [[ -d $data/mysql ]] && grep -q '^seqno: *-1' "$grastate" 2> /dev/null; then
  if [[ -n $peers ]]; then
    position=$(recover_position)
    log "recovered position: ${position:-none}"
    [[ -z $position ]] || options+=(--wsrep-start-position="$position")
  else
    # This copy crashed, and one that joins later may have come further. Counting on from here would give other write-sets the numbers
    # that it has already, and nobody would notice. A history of its own makes each of them take a full state transfer.
    log "a crashed copy begins a new history"
    rm -f "$grastate"
  fi
fi

exec mariadbd --defaults-extra-file=/run/mysqld/sst.cnf --server-id=$((ordinal + 1)) \
  --wsrep-cluster-address="gcomm://$peers" --wsrep-node-name="$HOSTNAME" --wsrep-node-address="$POD_IP" \
  --wsrep-node-incoming-address="$POD_IP:3306" --wsrep-sst-receive-address="$POD_IP" "${options[@]}"
