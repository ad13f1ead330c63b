#!/usr/bin/env bash
# Invert under Slurm: tools/slurm_invert.sh PARTITION JOB_NAME CONFIG IMAGES... --out-dir DIR
# GPUS (1), GPUS_PER_NODE (up to 8), CPUS_PER_TASK (4) and SRUN_ARGS say what is asked for.
# When a process dies, srun ends the others; the same command again goes on.
set -euo pipefail
if [[ $# -lt 4 ]]; then
  echo "error: give PARTITION, JOB_NAME, CONFIG and IMAGES: $0 PARTITION JOB_NAME CONFIG IMAGES..." >&2
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
  "${PYTHON:-python}" -u "$(dirname "${BASH_SOURCE[0]}")/invert.py" "$config" \
  --launcher slurm "$@"
