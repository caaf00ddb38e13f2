/* NAME: how far a series lies from its own average, as a share of that average. C11. */
#include "alula_plugin.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_MAX 1000

/* Plain data without gaps: its bytes are the saved state. */
typedef struct {
  uint64_t length;
  uint64_t count; /* rows seen, up to length */
  uint64_t next;  /* where the next row goes */
  double last[LENGTH_MAX];
} distance;

static alula_status fail(alula_error *e, alula_status status, const char *text) {
  if (e) {
    e->code = status;
    snprintf(e->message, sizeof e->message, "%s", text);
  }
  return status;
}

static void destroy(void *self) { free(self); }

static alula_status reset(void *self, alula_error *e) {
  distance *d = self;
  uint64_t length = d->length;
  (void)e;
  memset(d, 0, sizeof *d);
  d->length = length;
  return ALULA_OK;
}

static uint64_t warmup(void *self) { return ((distance *)self)->length - 1; }

static alula_status update(void *self, const double *in, uint32_t n_in, double *out, uint32_t n_out, alula_error *e) {
  distance *d = self;
  if (n_in != 1 || n_out != 1) return fail(e, ALULA_E_INVALID_ARG, "one input and one output");
  d->last[d->next] = in[0];
  d->next = (d->next + 1) % d->length;
  if (d->count < d->length) d->count++;
  if (d->count < d->length) return ALULA_NOT_READY;
  double sum = 0;
  for (uint64_t i = 0; i < d->length; i++) sum += d->last[(d->next + i) % d->length]; /* oldest first */
  out[0] = in[0] / (sum / (double)d->length) - 1;
  return ALULA_OK;
}

static alula_status state_save(void *self, const alula_sink *sink, alula_error *e) {
  return sink->write(sink->ctx, self, sizeof(distance)) ? fail(e, ALULA_E_INTERNAL, "the host takes no more") : ALULA_OK;
}

static alula_status state_load(void *self, uint32_t version, const uint8_t *data, uint64_t len, alula_error *e) {
  distance *d = self, read;
  if (version != 1 || len != sizeof read) return fail(e, ALULA_E_STATE_VERSION, "state of another version");
  memcpy(&read, data, sizeof read);
  if (read.length != d->length || read.count > d->length || read.next >= d->length)
    return fail(e, ALULA_E_STATE_VERSION, "state of another instance");
  *d = read;
  return ALULA_OK;
}

/* update_batch is optional: without it the host calls update for each row. */
/* By name: what a later header appends is then left out without a warning. */
static const alula_indicator_vtbl VTBL = {
    .struct_size = sizeof VTBL,
    .destroy = destroy,
    .reset = reset,
    .warmup = warmup,
    .update = update,
    .state_save = state_save,
    .state_load = state_load,
};

static const alula_param_desc PARAMS[] = {
    {sizeof PARAMS[0], ALULA_PARAM_I64, "length", "rows in the average", NULL, 2, LENGTH_MAX, 20}};
static const alula_port_desc INPUTS[] = {{sizeof INPUTS[0], 0, "close", "", "vol", 1e-300, (double)NAN}};
static const alula_port_desc OUTPUTS[] = {{sizeof OUTPUTS[0], 0, "distance", "", "percent", -1, (double)NAN}};
static const alula_indicator_desc DESC = {
    sizeof DESC, 0, "NAME", "0.1.0", "distance from the average of the last rows", 1, 1, 1, 1, PARAMS, INPUTS, OUTPUTS};

static const alula_indicator_desc *describe(uint32_t index) { return index == 0 ? &DESC : NULL; }

static alula_status create(const char *id, const alula_param *params, uint32_t n_params, void **self_out,
                           const alula_indicator_vtbl **vtbl_out, alula_error *e) {
  int64_t length = 20;
  if (strcmp(id, DESC.id) != 0) return fail(e, ALULA_E_INVALID_ARG, "no such indicator");
  if (n_params > 1) return fail(e, ALULA_E_INVALID_ARG, "one parameter");
  for (uint32_t i = 0; i < n_params; i++) {
    if (strcmp(params[i].name, "length") != 0 || params[i].kind != ALULA_PARAM_I64)
      return fail(e, ALULA_E_INVALID_ARG, "the parameter is `length`, a whole number");
    length = params[i].i;
  }
  if (length < 2 || length > LENGTH_MAX) return fail(e, ALULA_E_INVALID_ARG, "length is outside 2..1000");
  distance *d = calloc(1, sizeof *d);
  if (!d) return fail(e, ALULA_E_INTERNAL, "no memory");
  d->length = (uint64_t)length;
  *self_out = d;
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
    ALULA_ABI_MAGIC, sizeof(alula_entry), ALULA_ABI_MAJOR, ALULA_ABI_MINOR, 0, 0, 0, "NAME 0.1.0 in C", init, NULL,
    get_factory};
