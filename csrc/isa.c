/* All kernels, once per ISA level: compiled with -DFD_LEVEL=base|v3|v4|neon and -DVB=16|32|64. */
#include "fd.h"
#include "vec.h"
#include "gemm_tile.h"
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#include "kernels/elementwise.c"
#include "kernels/reduce.c"
#include "kernels/movement.c"
#include "kernels/gemm.c"
#include "kernels/conv.c"
#include "kernels/winograd.c"
#include "kernels/sequence.c"
#include "kernels/recurrent.c"
#include "kernels/pool.c"
#include "kernels/loss.c"
#include "kernels/ctc.c"
#include "kernels/attention.c"
#include "kernels/random.c"
#include "kernels/update.c"
#include "kernels/norm.c"
#include "kernels/layer_norm.c"
#include "kernels/image.c"
#include "kernels/warp.c"
#include "kernels/chain.c"

#define K(name, slots) name,
const fd_kernel JOIN(fd_table_, FD_LEVEL)[] = {
#include "kernels.def"
};
#undef K
