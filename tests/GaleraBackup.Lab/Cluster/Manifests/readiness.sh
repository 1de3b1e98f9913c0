#!/bin/bash
# Ready means Synced: a desynced node or a donor leaves the Services, as the vendor's probe has it.
set -euo pipefail

state=$(mariadb -NBe "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'wsrep_local_state_comment'")
[[ $state == Synced ]]
