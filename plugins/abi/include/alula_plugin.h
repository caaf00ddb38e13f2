/* alula_plugin.h - the contract between Alula and a native plugin, major version 1. C11 or C++17.
 *
 * Layout (proven by static asserts here and in the Rust mirror):
 *  - fixed-width integers, double and pointers only: no bool, enum, long, size_t or bit-fields;
 *  - every struct that may grow starts with its own struct_size, and grows at its tail only;
 *  - read a field of the other side only if ALULA_HAS(type, pointer, field); write reserved fields as 0;
 *  - strings in descriptors are NUL-terminated UTF-8, owned by the plugin, immutable, valid from init() on;
 *    every other string is an alula_str (pointer, length), borrowed for the call;
 *  - no memory is freed by the other side;
 *  - no function may unwind (C++ exception, Rust panic) across this line.
 *
 * Threads: [main] one at a time, before anything else. [serial] one thread at a time for one instance; the thread may
 * change between calls, so keep no thread-local state. [any] at any time from any thread.
 *
 * Determinism: the same parameters and the same inputs give the same bits, however they are cut into calls, on whatever
 * thread, and across save and load. An indicator has no clock: it counts rows. Do not build with -ffast-math; it changes
 * the arithmetic of the whole process, and the host refuses the library.
 */
#ifndef ALULA_PLUGIN_H
#define ALULA_PLUGIN_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define ALULA_ABI_MAGIC UINT64_C(0x315F4942415F4C41) /* the bytes "AL_ABI_1" */
#define ALULA_ABI_MAJOR 1u
#define ALULA_ABI_MINOR 0u
#if defined(_WIN32)
#define ALULA_EXPORT __declspec(dllexport)
#else
#define ALULA_EXPORT __attribute__((visibility("default")))
#endif
#define ALULA_HAS(type, p, field) ((p)->struct_size >= offsetof(type, field) + sizeof((p)->field))

/* ---- status: 0 ok, below 0 an error ------------------------------------------------------------------------------- */
typedef int32_t alula_status;
#define ALULA_OK 0
#define ALULA_NOT_READY 1          /* this row has no value: warming up; outputs are ignored            */
#define ALULA_E_INVALID_ARG (-1)
#define ALULA_E_UNSUPPORTED (-2)
#define ALULA_E_PANIC (-3)         /* caught inside the plugin; the instance is of no use from then on  */
#define ALULA_E_STATE_VERSION (-4) /* state not understood: the host starts afresh                      */
#define ALULA_E_IO (-5)            /* brokers: definitely not sent                                      */
#define ALULA_E_REJECTED (-6)      /* brokers: definitely refused                                       */
#define ALULA_E_DUPLICATE (-7)     /* brokers: this client_order_id is known already, treat as sent     */
#define ALULA_E_UNKNOWN (-8)       /* brokers: the outcome is unknown; reconcile, never send again      */
#define ALULA_E_INTERNAL (-9)

typedef struct alula_str {
  const char *ptr;
  uint64_t len;
} alula_str;

/* Owned by the caller, who sets struct_size, code 0 and message[0] = 0; the plugin may fill it. */
typedef struct alula_error {
  uint32_t struct_size;
  alula_status code;
  char message[248]; /* UTF-8, NUL-terminated, cut at a character */
} alula_error;

/* ---- services of the host ----------------------------------------------------------------------------------------- */
#define ALULA_LOG_ERROR 1u
#define ALULA_LOG_WARN 2u
#define ALULA_LOG_INFO 3u
#define ALULA_LOG_DEBUG 4u
typedef struct alula_host {
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_minor;
  void *ctx;
  void (*log)(void *ctx, uint32_t level, alula_str message); /* [any]                                       */
  int64_t (*now_ns)(void *ctx);                              /* [any] brokers only: NULL for indicators     */
  const void *(*get_extension)(void *ctx, const char *id);   /* [any] NULL where the host does not know it  */
} alula_host;

/* ---- entry: one data symbol; the host reads it before it calls anything ------------------------------------------- */
typedef struct alula_entry {
  uint64_t magic;          /* ALULA_ABI_MAGIC                                                 */
  uint32_t struct_size;
  uint16_t abi_major;      /* must be the host's                                              */
  uint16_t abi_minor;      /* of the header the plugin was compiled with                      */
  uint16_t min_host_minor; /* oldest host that it can live with                               */
  uint16_t reserved0;
  uint32_t flags;
  const char *build_ident; /* shown, not parsed: "sdk 0.1.0; rustc 1.95"                      */
  alula_status (*init)(const alula_host *host, alula_error *err); /* [main] once per process  */
  void (*deinit)(void);                                           /* [main] at most once      */
  const void *(*get_factory)(const char *factory_id);             /* [any] NULL: not offered  */
} alula_entry;
#define ALULA_ENTRY_SYMBOL "alula_plugin_entry_v1"
ALULA_EXPORT extern const alula_entry alula_plugin_entry_v1;

/* ---- descriptors -------------------------------------------------------------------------------------------------- */
/* Units are words of the language, or NULL where any will do: number, ratio, count, percent (as a fraction: 0.5 is 50%),
 * vol (in points: 20 is 20 vol), pts, usd, delta (0.16), bool (0 or 1). */
#define ALULA_PARAM_I64 1u
#define ALULA_PARAM_F64 2u
typedef struct alula_param_desc {
  uint32_t struct_size;
  uint32_t kind;
  const char *name;
  const char *doc;
  const char *unit;
  double min;
  double max;
  double def; /* whole numbers are exact up to 2^53 */
} alula_param_desc;

typedef struct alula_port_desc { /* one input series or one output series */
  uint32_t struct_size;
  uint32_t flags;
  const char *name;
  const char *doc;
  const char *unit;
  double lo; /* range, NaN: unbounded; the host keeps inputs inside it and holds outputs to it */
  double hi;
} alula_port_desc;

typedef struct alula_param {
  uint32_t struct_size;
  uint32_t kind;
  const char *name;
  int64_t i;
  double f;
} alula_param;

/* Bytes to the caller: write() copies; other than 0 means stop. */
typedef struct alula_sink {
  uint32_t struct_size;
  uint32_t reserved0;
  void *ctx;
  int32_t (*write)(void *ctx, const uint8_t *data, uint64_t len);
} alula_sink;

/* ---- indicators --------------------------------------------------------------------------------------------------- */
#define ALULA_FACTORY_INDICATOR "alula.indicator.v1"
#define ALULA_IND_BATCH 1u /* update_batch is there */
typedef struct alula_indicator_desc {
  uint32_t struct_size;
  uint32_t flags;
  const char *id;      /* a name of the language: lower-case letters, digits, underscores */
  const char *version;
  const char *doc;
  uint32_t state_version;
  uint32_t n_params;
  uint32_t n_inputs;   /* at least 1 */
  uint32_t n_outputs;  /* at least 1 */
  const alula_param_desc *params;
  const alula_port_desc *inputs;
  const alula_port_desc *outputs;
} alula_indicator_desc;

/* All [serial]. Inputs are finite and inside their ranges: the host skips a row on which one is missing.
 * A row either has a value for each output, finite and inside its range, or is not ready. Anything else ends the instance. */
typedef struct alula_indicator_vtbl {
  uint32_t struct_size;
  uint32_t reserved0;
  void (*destroy)(void *self);
  alula_status (*reset)(void *self, alula_error *err); /* as after create */
  uint64_t (*warmup)(void *self);                      /* rows that pass before the first that can be ready; constant */
  alula_status (*update)(void *self, const double *in, uint32_t n_in, double *out, uint32_t n_out, alula_error *err);
  alula_status (*state_save)(void *self, const alula_sink *sink, alula_error *err);
  alula_status (*state_load)(void *self, uint32_t state_version, const uint8_t *data, uint64_t len, alula_error *err);
  /* n_rows rows as n_rows calls of update: ready[row] is 1 or 0. On an error the rows before it are written and the rest
   * of ready is left alone. NULL unless ALULA_IND_BATCH. */
  alula_status (*update_batch)(void *self, const double *const *in, uint32_t n_in, uint64_t n_rows, double *const *out,
                               uint32_t n_out, uint8_t *ready, alula_error *err);
} alula_indicator_vtbl;

typedef struct alula_indicator_factory {
  uint32_t struct_size;
  uint32_t count;
  const alula_indicator_desc *(*describe)(uint32_t index); /* [any] */
  /* [any] Parameters that are not named have their defaults. Refuse unknown names, wrong kinds and values out of range. */
  alula_status (*create)(const char *id, const alula_param *params, uint32_t n_params, void **self_out,
                         const alula_indicator_vtbl **vtbl_out, alula_error *err);
} alula_indicator_factory;

/* ---- layout, 64-bit little-endian systems ------------------------------------------------------------------------- */
#if defined(__cplusplus)
#define ALULA_LAYOUT(c) static_assert(c, #c)
#else
#define ALULA_LAYOUT(c) _Static_assert(c, #c)
#endif
ALULA_LAYOUT(sizeof(void *) == 8);
ALULA_LAYOUT(sizeof(double) == 8);
ALULA_LAYOUT(sizeof(alula_str) == 16);
ALULA_LAYOUT(sizeof(alula_error) == 256);
ALULA_LAYOUT(sizeof(alula_host) == 40);
ALULA_LAYOUT(sizeof(alula_entry) == 56);
ALULA_LAYOUT(sizeof(alula_param_desc) == 56);
ALULA_LAYOUT(sizeof(alula_port_desc) == 48);
ALULA_LAYOUT(sizeof(alula_param) == 32);
ALULA_LAYOUT(sizeof(alula_sink) == 24);
ALULA_LAYOUT(sizeof(alula_indicator_desc) == 72);
ALULA_LAYOUT(sizeof(alula_indicator_vtbl) == 64);
ALULA_LAYOUT(offsetof(alula_indicator_vtbl, update) == 32);
ALULA_LAYOUT(offsetof(alula_indicator_vtbl, update_batch) == 56);
ALULA_LAYOUT(sizeof(alula_indicator_factory) == 24);
#ifdef __cplusplus
}
#endif
#endif
