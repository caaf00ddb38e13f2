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
 * In C fill tables by the names of their fields (.update = update): what a later header appends is then 0.
 *
 * Arrays of structs that may grow are arrays of pointers, but for descriptors, whose elements are as far apart as the
 * first one's struct_size says.
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
#define ALULA_ABI_MINOR 2u /* 1: brokers; 2: indicators that read an option chain, indices and listings of brokers */
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
  int64_t (*now_ns)(void *ctx);                              /* [any] clock of the host; for real brokers   */
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
#define ALULA_IND_BATCH 1u    /* update_batch is there */
#define ALULA_IND_CHAIN 2u    /* since 2: it reads an option chain and no series: update_chain is there, n_inputs is 0      */
#define ALULA_IND_INTEREST 4u /* since 2: with a chain: a snapshot without any open interest is never passed to it          */
typedef struct alula_indicator_desc {
  uint32_t struct_size;
  uint32_t flags;
  const char *id;      /* a name of the language: lower-case letters, digits, underscores */
  const char *version;
  const char *doc;
  uint32_t state_version;
  uint32_t n_params;
  uint32_t n_inputs;   /* at least 1, but 0 with ALULA_IND_CHAIN */
  uint32_t n_outputs;  /* at least 1 */
  const alula_param_desc *params;
  const alula_port_desc *inputs;
  const alula_port_desc *outputs;
} alula_indicator_desc;

/* ---- option chains: since minor version 2 ------------------------------------------------------------------------- */
/* One snapshot of the options on one underlying as parallel arrays, which are the host's and live for the call. Nothing in it
 * became known later than the snapshot. A number that is not known is NaN; no other is. Open interest and volume are unknown
 * throughout where the data carry none at all. Expiries rise by date; those that have settled are left out. Contracts are
 * grouped in the order of the expiries; inside one they rise by strike, a strike's put before its call. A library that offers
 * such an indicator says min_host_minor 2: an older host would not know what to pass. */
#define ALULA_SETTLES_AM 1u
#define ALULA_SETTLES_PM 2u
typedef struct alula_chain {
  uint32_t struct_size;
  uint32_t date;        /* of the snapshot in New York, yyyymmdd                          */
  alula_str underlying; /* "SPX"                                                          */
  double spot;          /* of the underlying, above 0, or NaN                             */
  double multiplier;    /* dollars that a point of a contract is worth: 100               */
  uint64_t n_expiries;
  uint64_t n_contracts;
  /* Expiries. */
  const alula_str *root;     /* "SPX", "SPXW": two of one day are two expiries            */
  const uint32_t *expiry;    /* yyyymmdd                                                  */
  const uint32_t *settles;   /* ALULA_SETTLES_AM or ALULA_SETTLES_PM                      */
  const double *years;       /* to the settlement instant, of 365 days, above 0           */
  const double *forward;     /* by put-call parity, above 0, or NaN                       */
  const double *discount;    /* to the settlement instant, above 0, or NaN                */
  /* Contracts. */
  const uint32_t *expiry_of; /* index of its expiry                                       */
  const uint32_t *right;     /* 'C' or 'P'                                                */
  const double *strike;
  const double *bid;         /* bid, ask and mid are NaN where there is no sound market   */
  const double *ask;
  const double *mid;
  const double *vol;         /* implied by its own mid (Black 1976), in points            */
  const double *delta;       /* for a point of the forward, discounted; a put's below 0   */
  const double *gamma;       /* change of delta for a point of the forward                */
  const double *open_interest; /* contracts, at the end of the session before             */
  const double *volume;        /* contracts, so far in this session                       */
} alula_chain;

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
  /* With ALULA_IND_CHAIN, since 2: one row from one snapshot; update may then be NULL. An indicator of this kind that remembers
   * something has a warm-up of a row at least: without one the host may begin at any snapshot. */
  alula_status (*update_chain)(void *self, const alula_chain *chain, double *out, uint32_t n_out, alula_error *err);
} alula_indicator_vtbl;

typedef struct alula_indicator_factory {
  uint32_t struct_size;
  uint32_t count;
  const alula_indicator_desc *(*describe)(uint32_t index); /* [any] */
  /* [any] Parameters that are not named have their defaults. Refuse unknown names, wrong kinds and values out of range. */
  alula_status (*create)(const char *id, const alula_param *params, uint32_t n_params, void **self_out,
                         const alula_indicator_vtbl **vtbl_out, alula_error *err);
} alula_indicator_factory;

/* ---- brokers: since minor version 1 ------------------------------------------------------------------------------- */
/* Prices, strikes and money are int64 in billionths (1.25 is 1250000000), never double. Times are nanoseconds since 1970,
 * UTC. Ids are 1 to 64 printable ASCII characters without blanks, symbols 1 to 15, texts up to 1024 bytes of UTF-8. */
#define ALULA_FACTORY_BROKER "alula.broker.v1"
#define ALULA_NOT_TOLD INT64_MIN /* an amount that the broker does not tell */

#define ALULA_SETTING_I64 1u
#define ALULA_SETTING_F64 2u
#define ALULA_SETTING_STR 3u
typedef struct alula_setting_desc {
  uint32_t struct_size;
  uint32_t kind;
  const char *name;
  const char *doc;
  double min; /* numbers: range and default */
  double max;
  double def;
  const char *text; /* texts: the default, or NULL where it must be given */
} alula_setting_desc;

typedef struct alula_setting {
  uint32_t struct_size;
  uint32_t kind;
  const char *name;
  int64_t i;
  double f;
  alula_str s;
} alula_setting;

#define ALULA_OPTION 1u
#define ALULA_FUTURE 2u
#define ALULA_SHARE 3u
#define ALULA_INDEX 4u /* quoted, never traded: bid and ask are both its value; since 2 */
typedef struct alula_instrument {
  uint32_t struct_size;
  uint32_t kind;
  alula_str symbol;        /* underlying: "SPX"; a share's own                                             */
  alula_str trading_class; /* "SPXW", "VX", a share's own: SPX and SPXW of one day and strike are two       */
  alula_str currency;      /* "USD"                                                                        */
  uint32_t expiry;         /* yyyymmdd; 0 for a share and an index                                         */
  uint32_t right;          /* 'C' or 'P'; 0 where it is no option                                          */
  int64_t strike_e9;       /* 0 where it is no option                                                      */
  int64_t multiplier_e9;
} alula_instrument;

typedef struct alula_leg {
  uint32_t struct_size;
  int32_t ratio; /* contracts or shares for one package: bought above 0, sold below */
  const alula_instrument *instrument;
} alula_leg;

#define ALULA_MARKET 1u
#define ALULA_LIMIT 2u
#define ALULA_DAY 1u
#define ALULA_UNTIL_CANCELLED 2u
typedef struct alula_order {
  uint32_t struct_size;
  uint32_t kind;
  alula_str client_order_id; /* 1 to 32 of 0-9 A-Z a-z '-', never used twice on an account                 */
  alula_str group;           /* structure that it belongs to, for people; may be empty                     */
  uint32_t life;
  uint32_t n_legs;
  const alula_leg *const *legs; /* several legs are ONE atomic order: never split it, never leg in           */
  int64_t quantity;             /* packages                                                                */
  int64_t limit_e9;             /* most points paid for one package; a credit is below 0                   */
  int64_t not_after_ns;         /* refuse it (ALULA_E_IO) from this time on                                */
} alula_order;

#define ALULA_HAS_BID 1u
#define ALULA_HAS_ASK 2u
#define ALULA_HAS_BID_SIZE 4u
#define ALULA_HAS_ASK_SIZE 8u
typedef struct alula_quote {
  uint32_t struct_size;
  uint32_t flags;
  const alula_instrument *instrument;
  int64_t ts_ns;
  int64_t bid_e9;
  int64_t ask_e9;
  int64_t bid_size;
  int64_t ask_size;
} alula_quote;

#define ALULA_APPROXIMATE 1u
typedef struct alula_final_value { /* what the options of a class and expiry, or a future, settle to */
  uint32_t struct_size;
  uint32_t flags;
  uint32_t kind;
  uint32_t expiry;
  alula_str trading_class;
  int64_t price_e9; /* of the underlying */
} alula_final_value;

#define ALULA_TRADE 1u
#define ALULA_SETTLEMENT 2u /* an expired contract went to cash: no order, the price is what one was worth */
typedef struct alula_execution {
  uint32_t struct_size;
  uint32_t kind;
  alula_str exec_id;         /* unique per account; the same one may come twice, and counts once           */
  alula_str corrects;        /* the execution that this one replaces, or empty                             */
  alula_str client_order_id; /* or empty, when the order is not one of ours                                */
  const alula_instrument *instrument;
  int64_t quantity; /* bought above 0, sold below                                                          */
  int64_t price_e9; /* of one contract or share                                                            */
  int64_t fee_e9;   /* dollars of this leg, or ALULA_NOT_TOLD                                              */
  int64_t ts_ns;    /* the venue's                                                                         */
} alula_execution;

#define ALULA_WORKING 1u
#define ALULA_FILLED 2u
#define ALULA_CANCELLED 3u
#define ALULA_EXPIRED 4u
#define ALULA_REJECTED 5u
typedef struct alula_order_row {
  uint32_t struct_size;
  uint32_t status;
  alula_str client_order_id; /* or empty */
  alula_str broker_order_id;
  int64_t filled; /* packages */
  int64_t left;
} alula_order_row;

typedef struct alula_holding {
  uint32_t struct_size;
  uint32_t reserved0;
  const alula_instrument *instrument;
  int64_t quantity; /* never 0 */
} alula_holding;

typedef struct alula_account {
  uint32_t struct_size;
  uint32_t reserved0;
  int64_t cash_e9;
  int64_t net_liquidation_e9;
  int64_t initial_margin_e9;     /* or ALULA_NOT_TOLD */
  int64_t maintenance_margin_e9; /* or ALULA_NOT_TOLD */
} alula_account;

typedef struct alula_what_if { /* the host's: struct_size is set */
  uint32_t struct_size;
  uint32_t reserved0;
  int64_t initial_margin_e9; /* of the account with the order */
  int64_t maintenance_margin_e9;
  int64_t fee_e9;
} alula_what_if;

typedef struct alula_listing { /* options of a class and expiry: since 2 */
  uint32_t struct_size;
  uint32_t expiry;
  alula_str symbol; /* underlying */
  alula_str trading_class;
  uint64_t n_strikes;
  const int64_t *strikes_e9; /* ascending */
} alula_listing;

/* Events, with the fields that they have. Between BEGIN and END of a snapshot stand rows of its request_id, and nothing of
 * another snapshot. Without an END a snapshot proves nothing; a position that is not named is not held once END is there. */
#define ALULA_EV_UP 1u
#define ALULA_EV_DOWN 2u           /* text                                  */
#define ALULA_EV_ACKNOWLEDGED 10u  /* client_order_id, broker_order_id      */
#define ALULA_EV_REJECTED 11u      /* client_order_id, text                 */
#define ALULA_EV_FILLED 12u        /* execution                             */
#define ALULA_EV_CANCELLED 13u     /* client_order_id, text                 */
#define ALULA_EV_EXPIRED 14u       /* client_order_id                       */
#define ALULA_EV_SNAP_BEGIN 20u    /* request_id                            */
#define ALULA_EV_SNAP_ORDER 21u    /* request_id, order                     */
#define ALULA_EV_SNAP_HOLDING 22u  /* request_id, holding                   */
#define ALULA_EV_SNAP_FILL 23u     /* request_id, execution                 */
#define ALULA_EV_SNAP_ACCOUNT 24u  /* request_id, account                   */
#define ALULA_EV_SNAP_END 25u      /* request_id                            */
#define ALULA_EV_QUOTE 30u         /* quote                                 */
#define ALULA_EV_LISTED 31u        /* request_id, listing: since 2          */
#define ALULA_EV_LIST_END 32u      /* request_id: since 2                   */
typedef struct alula_broker_event {
  uint32_t struct_size;
  uint32_t kind;
  uint64_t request_id;
  alula_str client_order_id;
  alula_str broker_order_id;
  alula_str text;
  const alula_execution *execution;
  const alula_order_row *order;
  const alula_holding *holding;
  const alula_account *account;
  const alula_quote *quote;
  const alula_listing *listing; /* since 2 */
} alula_broker_event;

/* Events to the caller: event() copies; other than 0 means that this was the last one it takes, the rest goes into the next
 * poll. */
typedef struct alula_event_sink {
  uint32_t struct_size;
  uint32_t reserved0;
  void *ctx;
  int32_t (*event)(void *ctx, const alula_broker_event *event);
} alula_event_sink;

#define ALULA_BRK_COMBOS 1u      /* packages of several legs as one order                              */
#define ALULA_BRK_DEDUP 2u       /* a client_order_id that was used is refused with ALULA_E_DUPLICATE  */
#define ALULA_BRK_ORDERS 4u      /* snapshots have orders                                              */
#define ALULA_BRK_FILLS 8u       /* snapshots have executions                                          */
#define ALULA_BRK_HOLDINGS 16u   /* snapshots have positions                                           */
#define ALULA_BRK_WHAT_IF 32u    /* what_if is there                                                   */
#define ALULA_BRK_QUOTES 64u     /* watch is there: it gives quotes                                    */
#define ALULA_BRK_SIMULATED 128u /* quotes is there: it lives from quotes that the host hands it       */
#define ALULA_BRK_LIVE 256u      /* real money: the host wants an explicit allowance                   */
#define ALULA_BRK_INDICES 512u   /* watch takes indices: since 2                                       */
#define ALULA_BRK_CHAINS 1024u   /* list is there: since 2                                             */
typedef struct alula_broker_desc {
  uint32_t struct_size;
  uint32_t caps;
  const char *id; /* a name of the language */
  const char *version;
  const char *doc;
  uint32_t n_settings;
  uint32_t reserved0;
  const alula_setting_desc *settings;
} alula_broker_desc;

/* All [serial]. No call waits for the venue: what becomes of it comes out of poll. A broker may have threads; they call
 * nothing of the host but log and now_ns, and destroy joins them. After ALULA_E_PANIC, or a result that is not as it says
 * here, the instance is never called again but for destroy. */
typedef struct alula_broker_vtbl {
  uint32_t struct_size;
  uint32_t reserved0;
  void (*destroy)(void *self);
  alula_status (*connect)(void *self, alula_error *err); /* starts: ALULA_EV_UP follows */
  alula_status (*disconnect)(void *self, alula_error *err); /* orders at work stay at work */
  /* What happened since the poll before; waits at most so long for something to happen. */
  alula_status (*poll)(void *self, int64_t wait_ns, const alula_event_sink *sink, alula_error *err);
  /* ALULA_OK: handed over. ALULA_E_IO, _REJECTED, _INVALID_ARG, _UNSUPPORTED: certainly not sent. ALULA_E_DUPLICATE: it is
   * there already. Anything else: unknown. When in doubt say ALULA_E_UNKNOWN, never that it was not sent. */
  alula_status (*submit)(void *self, const alula_order *order, alula_error *err);
  alula_status (*cancel)(void *self, alula_str client_order_id, alula_error *err); /* the answer is an event */
  /* Orders at work and ended, executions since a time, positions, account; rows come out of poll. */
  alula_status (*request_snapshot)(void *self, uint64_t request_id, int64_t since_ns, alula_error *err);
  alula_status (*what_if)(void *self, const alula_order *order, alula_what_if *out, alula_error *err); /* or NULL */
  /* For simulated brokers, or NULL: quotes of an instant, which is the broker's clock. Nothing else moves it. */
  alula_status (*quotes)(void *self, int64_t ts_ns, const alula_quote *const *rows, uint64_t n_rows, alula_error *err);
  alula_status (*final_values)(void *self, int64_t ts_ns, const alula_final_value *const *rows, uint64_t n_rows,
                               alula_error *err);
  /* With ALULA_BRK_QUOTES, or NULL: quotes of these instruments and of no others come as ALULA_EV_QUOTE from now on, and
   * after every reconnect. */
  alula_status (*watch)(void *self, const alula_instrument *const *rows, uint64_t n_rows, alula_error *err);
  /* Since 2, with ALULA_BRK_CHAINS, or NULL: which options of an underlying are listed comes as ALULA_EV_LISTED, one for
   * each class and expiry, then ALULA_EV_LIST_END. Some strikes of it may turn out not to be there. */
  alula_status (*list)(void *self, uint64_t request_id, alula_str underlying, alula_error *err);
} alula_broker_vtbl;

typedef struct alula_broker_factory {
  uint32_t struct_size;
  uint32_t count;
  const alula_broker_desc *(*describe)(uint32_t index); /* [any] */
  /* [main] Settings that are not named have their defaults. Refuse unknown names, wrong kinds and values out of range. */
  alula_status (*create)(const char *id, const alula_setting *const *settings, uint32_t n_settings, const alula_host *host,
                         void **self_out, const alula_broker_vtbl **vtbl_out, alula_error *err);
} alula_broker_factory;

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
ALULA_LAYOUT(sizeof(alula_indicator_vtbl) == 72);
ALULA_LAYOUT(offsetof(alula_indicator_vtbl, update) == 32);
ALULA_LAYOUT(offsetof(alula_indicator_vtbl, update_batch) == 56);
ALULA_LAYOUT(offsetof(alula_indicator_vtbl, update_chain) == 64);
ALULA_LAYOUT(sizeof(alula_chain) == 192);
ALULA_LAYOUT(offsetof(alula_chain, root) == 56);
ALULA_LAYOUT(offsetof(alula_chain, expiry_of) == 104);
ALULA_LAYOUT(offsetof(alula_chain, volume) == 184);
ALULA_LAYOUT(sizeof(alula_indicator_factory) == 24);
ALULA_LAYOUT(sizeof(alula_setting_desc) == 56);
ALULA_LAYOUT(sizeof(alula_setting) == 48);
ALULA_LAYOUT(sizeof(alula_instrument) == 80);
ALULA_LAYOUT(sizeof(alula_leg) == 16);
ALULA_LAYOUT(sizeof(alula_order) == 80);
ALULA_LAYOUT(sizeof(alula_quote) == 56);
ALULA_LAYOUT(sizeof(alula_final_value) == 40);
ALULA_LAYOUT(sizeof(alula_execution) == 96);
ALULA_LAYOUT(sizeof(alula_order_row) == 56);
ALULA_LAYOUT(sizeof(alula_holding) == 24);
ALULA_LAYOUT(sizeof(alula_account) == 40);
ALULA_LAYOUT(sizeof(alula_what_if) == 32);
ALULA_LAYOUT(sizeof(alula_listing) == 56);
ALULA_LAYOUT(sizeof(alula_broker_event) == 112);
ALULA_LAYOUT(sizeof(alula_event_sink) == 24);
ALULA_LAYOUT(sizeof(alula_broker_desc) == 48);
ALULA_LAYOUT(sizeof(alula_broker_vtbl) == 104);
ALULA_LAYOUT(offsetof(alula_broker_vtbl, submit) == 40);
ALULA_LAYOUT(offsetof(alula_broker_vtbl, final_values) == 80);
ALULA_LAYOUT(sizeof(alula_broker_factory) == 24);
#ifdef __cplusplus
}
#endif
#endif
