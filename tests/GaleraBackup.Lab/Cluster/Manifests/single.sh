#!/bin/bash
# Starts the only member of a cluster of its own, whose redo log, undo tablespaces and binary log are not in its data directory.
set -euo pipefail

readonly data=/var/lib/mysql

if [[ ! -d $data/mysql ]]; then
  # In an empty folder of its own the installer has its way; the server then makes redo log and undo tablespaces where it is told to.
  mariadb-install-db --datadir=$data --skip-test-db --auth-root-authentication-method=socket --auth-root-socket-user=mysql > /dev/null
  mariadbd --datadir=$data --bootstrap << SQL
FLUSH PRIVILEGES;
CREATE USER '$MYSQL_DBADMIN_USERNAME'@'%' IDENTIFIED BY '$MYSQL_DBADMIN_PASSWORD';
GRANT ALL PRIVILEGES ON *.* TO '$MYSQL_DBADMIN_USERNAME'@'%' WITH GRANT OPTION;
CREATE USER '$MYSQL_BACKUP_USERNAME'@'%' IDENTIFIED BY '$MYSQL_BACKUP_PASSWORD';
GRANT RELOAD, PROCESS, LOCK TABLES, BINLOG MONITOR, REPLICA MONITOR, CONNECTION ADMIN ON *.* TO '$MYSQL_BACKUP_USERNAME'@'%';
SQL
fi

exec mariadbd --wsrep-on=ON --wsrep-provider=/usr/lib/galera/libgalera_smm.so --wsrep-cluster-name=single --wsrep-cluster-address=gcomm:// \
  --wsrep-new-cluster --wsrep-node-name="$HOSTNAME" --wsrep-node-address="$POD_IP" --wsrep-node-incoming-address="$POD_IP:3306"
