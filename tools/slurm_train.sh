#!/usr/bin/env bash
# Train under Slurm: tools/slurm_train.sh PARTITION JOB_NAME CONFIG [OPTIONS OF train.py]
# GPUS (1), GPUS_PER_NODE (up to 8), CPUS_PER_TASK (4) and SRUN_ARGS say what is asked for.
set -euo pipefail
if [[ $# -lt 3 ]]; then
  echo "error: give PARTITION, JOB_NAME and CONFIG: $0 PARTITION JOB_NAME CONFIG [OPTIONS]" >&2
  exit 2
fi
partition=$1 job_name=$2 config=$3
shift 3
gpus=${GPUS:-1}
per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
# shellcheck disable=SC2086  # SRUN_ARGS holds several arguments
exec srun --partition="$partition" --job-name="$job_name" --gres="gpu:$per_node" \
  --ntasks="$gpus" --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-4}" \
  --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
  "${PYTHON:-python}" -u "$(dirname "${BASH_SOURCE[0]}")/train.py" "$config" \
  --launcher slurm "$@"
