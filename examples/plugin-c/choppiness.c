/* Choppiness index (E. W. Dreiss): 100 log10(sum of true ranges / (highest high - lowest low)) / log10(n). Near 100 a market
 * goes sideways, which is what a seller of iron condors hopes for; near 0 it trends. C11:
 *
 *   cc -std=c11 -O2 -Wall -Wextra -fPIC -shared -fvisibility=hidden -I ../../plugins/abi/include choppiness.c -lm \
 *      -o libchoppiness.so
 *   alula plugin check libchoppiness.so && alula plugin trust libchoppiness.so && alula backtest sideways.alula
 */
#include "alula_plugin.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 500

typedef struct {
  double range, high, low;
} bar;

/* Plain data without gaps: its bytes are the saved state. */
typedef struct {
  uint64_t length;
  uint64_t rows; /* rows seen, up to length + 1: the first has no true range */
  uint64_t next; /* where the next bar goes */
  double close;
  bar bars[LENGTH_MAX];
} chop;

static alula_status fail(alula_error *e, alula_status status, const char *text) {
  if (e) {
    e->code = status;
    snprintf(e->message, sizeof e->message, "%s", text);
  }
  return status;
}

static void destroy(void *self) { free(self); }

static alula_status reset(void *self, alula_error *e) {
  chop *c = self;
  uint64_t length = c->length;
  (void)e;
  memset(c, 0, sizeof *c);
  c->length = length;
  return ALULA_OK;
}

static uint64_t warmup(void *self) { return ((chop *)self)->length; }

static alula_status step(chop *c, double high, double low, double close, double *out) {
  double last = c->close;
  c->close = close;
  if (c->rows == 0) {
    c->rows = 1;
    return ALULA_NOT_READY;
  }
  c->bars[c->next] = (bar){fmax(high, last) - fmin(low, last), high, low};
  c->next = (c->next + 1) % c->length;
  if (c->rows <= c->length) c->rows++;
  if (c->rows <= c->length) return ALULA_NOT_READY;
  double sum = 0, top = -INFINITY, bottom = INFINITY;
  for (uint64_t i = 0; i < c->length; i++) { /* oldest first, so that sums do not depend on where the ring begins */
    const bar *b = &c->bars[(c->next + i) % c->length];
    sum += b->range;
    top = fmax(top, b->high);
    bottom = fmin(bottom, b->low);
  }
  double value = 100 * log10(sum / (top - bottom)) / log10((double)c->length);
  if (!isfinite(value)) return ALULA_NOT_READY; /* no range at all: undefined */
  *out = value;
  return ALULA_OK;
}

static alula_status update(void *self, const double *in, uint32_t n_in, double *out, uint32_t n_out, alula_error *e) {
  if (n_in != 3 || n_out != 1) return fail(e, ALULA_E_INVALID_ARG, "high, low and close; one output");
  return step(self, in[0], in[1], in[2], out);
}

static alula_status update_batch(void *self, const double *const *in, uint32_t n_in, uint64_t n_rows, double *const *out,
                                 uint32_t n_out, uint8_t *ready, alula_error *e) {
  if (n_in != 3 || n_out != 1) return fail(e, ALULA_E_INVALID_ARG, "high, low and close; one output");
  for (uint64_t i = 0; i < n_rows; i++) ready[i] = step(self, in[0][i], in[1][i], in[2][i], &out[0][i]) == ALULA_OK;
  return ALULA_OK;
}

static alula_status state_save(void *self, const alula_sink *sink, alula_error *e) {
  return sink->write(sink->ctx, self, sizeof(chop)) ? fail(e, ALULA_E_INTERNAL, "the host takes no more") : ALULA_OK;
}

static alula_status state_load(void *self, uint32_t version, const uint8_t *data, uint64_t len, alula_error *e) {
  chop *c = self, read;
  if (version != 1 || len != sizeof read) return fail(e, ALULA_E_STATE_VERSION, "state of another version");
  memcpy(&read, data, sizeof read);
  if (read.length != c->length || read.rows > c->length + 1 || read.next >= c->length)
    return fail(e, ALULA_E_STATE_VERSION, "state of another instance");
  *c = read;
  return ALULA_OK;
}

static const alula_indicator_vtbl VTBL = {
    .struct_size = sizeof VTBL,
    .destroy = destroy,
    .reset = reset,
    .warmup = warmup,
    .update = update,
    .state_save = state_save,
    .state_load = state_load,
    .update_batch = update_batch,
};
static const alula_param_desc PARAMS[] = {
    {sizeof PARAMS[0], ALULA_PARAM_I64, "length", "rows", NULL, 2, LENGTH_MAX, 14}};
#define UNBOUNDED ((double)NAN)
static const alula_port_desc INPUTS[] = {
    {sizeof INPUTS[0], 0, "high", "", "pts", -1e100, 1e100},
    {sizeof INPUTS[0], 0, "low", "", "pts", -1e100, 1e100},
    {sizeof INPUTS[0], 0, "close", "", "pts", -1e100, 1e100},
};
static const alula_port_desc OUTPUTS[] = {
    {sizeof OUTPUTS[0], 0, "choppiness", "near 100 sideways, near 0 a trend", "number", UNBOUNDED, UNBOUNDED}};
static const alula_indicator_desc DESC = {
    sizeof DESC, ALULA_IND_BATCH, "choppiness", "1.0.0", "choppiness index", 1, 1, 3, 1, PARAMS, INPUTS, OUTPUTS};

static const alula_indicator_desc *describe(uint32_t index) { return index == 0 ? &DESC : NULL; }

static alula_status create(const char *id, const alula_param *params, uint32_t n_params, void **self_out,
                           const alula_indicator_vtbl **vtbl_out, alula_error *e) {
  int64_t length = 14;
  if (strcmp(id, DESC.id) != 0) return fail(e, ALULA_E_INVALID_ARG, "no such indicator");
  if (n_params > 1) return fail(e, ALULA_E_INVALID_ARG, "one parameter");
  for (uint32_t i = 0; i < n_params; i++) {
    if (strcmp(params[i].name, "length") != 0 || params[i].kind != ALULA_PARAM_I64)
      return fail(e, ALULA_E_INVALID_ARG, "the parameter is `length`, a whole number");
    length = params[i].i;
  }
  if (length < 2 || length > LENGTH_MAX) return fail(e, ALULA_E_INVALID_ARG, "length is outside 2..500");
  chop *c = calloc(1, sizeof *c);
  if (!c) return fail(e, ALULA_E_INTERNAL, "no memory");
  c->length = (uint64_t)length;
  *self_out = c;
  *vtbl_out = &VTBL;
  return ALULA_OK;
}

static const alula_indicator_factory FACTORY = {sizeof FACTORY, 1, describe, create};

static alula_status init(const alula_host *host, alula_error *e) {
  (void)host;
  (void)e;
  return ALULA_OK;
}
static const void *get_factory(const char *id) { return strcmp(id, ALULA_FACTORY_INDICATOR) ? NULL : &FACTORY; }

ALULA_EXPORT const alula_entry alula_plugin_entry_v1 = {
    ALULA_ABI_MAGIC, sizeof(alula_entry), ALULA_ABI_MAJOR, ALULA_ABI_MINOR, 0, 0, 0, "choppiness 1.0.0 in C",
    init, NULL, get_factory};
