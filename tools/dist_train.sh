#!/usr/bin/env bash
# Train with one process for each GPU: tools/dist_train.sh CONFIG GPUS [OPTIONS OF train.py]
# Several machines: set NNODES, NODE_RANK, MASTER_ADDR and PORT. Without a GPU, GPUS counts processes.
set -euo pipefail
if [[ $# -lt 2 ]]; then
  echo "error: give CONFIG and GPUS: $0 CONFIG GPUS [OPTIONS OF train.py]" >&2
  exit 2
fi
config=$1 gpus=$2
shift 2
exec "${PYTHON:-python}" -m torch.distributed.run \
  --nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}" --nproc_per_node "$gpus" \
  --master_addr "${MASTER_ADDR:-127.0.0.1}" --master_port "${PORT:-29500}" \
  "$(dirname "${BASH_SOURCE[0]}")/train.py" "$config" --launcher pytorch "$@"
