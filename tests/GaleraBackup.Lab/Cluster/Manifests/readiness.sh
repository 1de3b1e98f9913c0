#!/bin/bash
# Ready means Synced: a desynced node or a donor leaves the Services, as the vendor's probe has it.
set -euo pipefail

# Made by tests, in the pod's own volume: a probe that fails though the database is well, and one that only asks whether it answers, as
# other operators have it.
[[ ! -e /run/mysqld/lab-not-ready ]]
if [[ -e /run/mysqld/lab-readiness-ignores-desync ]]; then
  exec mariadb -NBe 'SELECT 1'
fi

state=$(mariadb -NBe "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_local_state_comment'")
[[ $state == Synced ]]
