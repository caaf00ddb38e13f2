/* Wilder's RSI over fourteen rows, in the order of TA-Lib's operations: the bench's plugin in C. */
#include "alula_plugin.h"
#include <stdlib.h>
#include <string.h>

#define PERIOD 14.0
typedef struct {
  uint64_t rows;
  double last, up, down;
} rsi;

static void destroy(void *self) { free(self); }
static alula_status reset(void *self, alula_error *e) {
  (void)e;
  memset(self, 0, sizeof(rsi));
  return ALULA_OK;
}
static uint64_t warmup(void *self) {
  (void)self;
  return 14;
}
static int step(rsi *r, double close, double *out) {
  double change = close - r->last, up, down, sum;
  r->last = close;
  if (++r->rows == 1) return 0;
  up = change > 0 ? change : 0;
  down = change < 0 ? -change : 0;
  if (r->rows <= 15) {
    r->up += up;
    r->down += down;
    if (r->rows < 15) return 0;
    r->up /= PERIOD;
    r->down /= PERIOD;
  } else {
    r->up = (r->up * (PERIOD - 1.0) + up) / PERIOD;
    r->down = (r->down * (PERIOD - 1.0) + down) / PERIOD;
  }
  sum = r->up + r->down;
  *out = sum == 0 ? 0 : 100.0 * (r->up / sum);
  return 1;
}
static alula_status update(void *self, const double *in, uint32_t n_in, double *out, uint32_t n_out, alula_error *e) {
  (void)e;
  if (n_in != 1 || n_out != 1) return ALULA_E_INVALID_ARG;
  return step(self, in[0], out) ? ALULA_OK : ALULA_NOT_READY;
}
static alula_status update_batch(void *self, const double *const *in, uint32_t n_in, uint64_t n_rows, double *const *out,
                                 uint32_t n_out, uint8_t *ready, alula_error *e) {
  (void)e;
  if (n_in != 1 || n_out != 1) return ALULA_E_INVALID_ARG;
  for (uint64_t i = 0; i < n_rows; i++) ready[i] = (uint8_t)step(self, in[0][i], &out[0][i]);
  return ALULA_OK;
}
static alula_status save(void *self, const alula_sink *sink, alula_error *e) {
  (void)e;
  return sink->write(sink->ctx, self, sizeof(rsi)) ? ALULA_E_INTERNAL : ALULA_OK;
}
static alula_status load(void *self, uint32_t version, const uint8_t *data, uint64_t len, alula_error *e) {
  (void)e;
  if (version != 1 || len != sizeof(rsi)) return ALULA_E_STATE_VERSION;
  memcpy(self, data, sizeof(rsi));
  return ALULA_OK;
}
static const alula_indicator_vtbl VTBL = {
    .struct_size = sizeof VTBL,
    .destroy = destroy,
    .reset = reset,
    .warmup = warmup,
    .update = update,
    .state_save = save,
    .state_load = load,
    .update_batch = update_batch,
};
static const alula_port_desc IN[] = {{sizeof IN[0], 0, "close", "", NULL, -1e300, 1e300}};
static const alula_port_desc OUT[] = {{sizeof OUT[0], 0, "rsi", "", NULL, 0, 100}};
static const alula_indicator_desc DESC = {sizeof DESC, ALULA_IND_BATCH, "rsi", "1.0.0", "Wilder's RSI", 1, 0, 1, 1, NULL, IN, OUT};
static const alula_indicator_desc *describe(uint32_t i) { return i == 0 ? &DESC : NULL; }
static alula_status create(const char *id, const alula_param *p, uint32_t n, void **self, const alula_indicator_vtbl **vtbl,
                           alula_error *e) {
  (void)p;
  (void)e;
  if (strcmp(id, "rsi") || n > 0) return ALULA_E_INVALID_ARG;
  *self = calloc(1, sizeof(rsi));
  *vtbl = &VTBL;
  return *self ? ALULA_OK : ALULA_E_INTERNAL;
}
static const alula_indicator_factory FACTORY = {sizeof FACTORY, 1, describe, create};
static alula_status init(const alula_host *h, alula_error *e) {
  (void)h;
  (void)e;
  return ALULA_OK;
}
static void deinit(void) {}
static const void *get_factory(const char *id) { return strcmp(id, ALULA_FACTORY_INDICATOR) ? NULL : &FACTORY; }
ALULA_EXPORT const alula_entry alula_plugin_entry_v1 = {
    ALULA_ABI_MAGIC, sizeof(alula_entry), ALULA_ABI_MAJOR, ALULA_ABI_MINOR, 0, 0, 0, "bench in C", init, deinit, get_factory};
