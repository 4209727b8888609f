/* SPDX-License-Identifier: MIT */
/* tensorboard_values.c - histograms, text and hyper-parameters; see tensorboard.h. Field numbers
 * are those of TensorFlow's summary.proto and tensor.proto and of TensorBoard's hparams plug-in:
 *
 *   Value             { string tag = 1; HistogramProto histo = 5; TensorProto tensor = 8;
 *                       SummaryMetadata metadata = 9; }
 *   HistogramProto    { double min = 1, max = 2, num = 3, sum = 4, sum_squares = 5;
 *                       repeated double bucket_limit = 6, bucket = 7; }
 *   TensorProto       { dtype = 1; TensorShapeProto shape = 2; float_val = 5; string_val = 8; }
 *   SummaryMetadata   { PluginData plugin_data = 1 { string plugin_name = 1; bytes content = 2; } }
 *   HParamsPluginData { version = 1; Experiment = 2 | SessionStartInfo = 3 | SessionEndInfo = 4; }
 *   Experiment        { double time_created_secs = 3; HParamInfo hparam_infos = 4;
 *                       MetricInfo metric_infos = 5; }
 *   HParamInfo        { string name = 1; DataType type = 4; }
 *   MetricInfo        { MetricName name = 1 { string group = 1; string tag = 2; } }
 *   SessionStartInfo  { map<string, Value> hparams = 1; double start_time_secs = 5; }
 *   SessionEndInfo    { Status status = 1; double end_time_secs = 2; }
 *   Value (struct)    { number_value = 2; string_value = 3; bool_value = 4; } */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/metrics/tensorboard_impl.h"

enum { DT_FLOAT = 1, DT_STRING = 7, HISTOGRAM_BUCKETS = 30 };

/* --- histograms ------------------------------------------------------------------------------ */

struct histogram {
    double min, max, sum, squares;
    double bucket[HISTOGRAM_BUCKETS];
    size_t n;
};

static void histogram_measure(struct histogram *h, const float *v, size_t n)
{
    *h = (struct histogram){.min = (double)INFINITY, .max = -(double)INFINITY};
    for (size_t i = 0; i < n; i++) {
        double x = (double)v[i];
        if (!isfinite(x))
            continue;
        h->n++;
        h->min = fmin(h->min, x);
        h->max = fmax(h->max, x);
        h->sum += x;
        h->squares += x * x;
    }
    double scale = h->max > h->min ? HISTOGRAM_BUCKETS / (h->max - h->min) : 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)v[i];
        int at = isfinite(x) ? (int)((x - h->min) * scale) : -1;
        if (at >= 0)
            h->bucket[at < HISTOGRAM_BUCKETS ? at : HISTOGRAM_BUCKETS - 1]++;
    }
}

static void put_histogram(struct buf *b, const struct histogram *h)
{
    double width = (h->max - h->min) / HISTOGRAM_BUCKETS, limit[HISTOGRAM_BUCKETS];
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
        limit[i] = i == HISTOGRAM_BUCKETS - 1 ? h->max : h->min + width * (i + 1);
    proto_put_double(b, 1, h->min);
    proto_put_double(b, 2, h->max);
    proto_put_double(b, 3, (double)h->n);
    proto_put_double(b, 4, h->sum);
    proto_put_double(b, 5, h->squares);
    proto_put_bytes(b, 6, limit, sizeof limit);
    proto_put_bytes(b, 7, h->bucket, sizeof h->bucket);
}

void tensorboard_histogram(struct tensorboard *t, const char *tag, const float *values, size_t n)
{
    struct histogram h;
    histogram_measure(&h, values, n);
    if (!h.n)
        return;
    put_histogram(&t->part, &h);
    proto_put_text(&t->value, 1, tag);
    proto_put_message(&t->value, 5, &t->part);
    proto_put_message(&t->summary, 1, &t->value);
}

/* --- text and what plug-ins read ------------------------------------------------------------- */

static void put_metadata(struct buf *value, const char *plugin, const struct buf *content)
{
    struct buf data, metadata;
    buf_init(&data, RECORD_MAX);
    buf_init(&metadata, RECORD_MAX);
    proto_put_text(&data, 1, plugin);
    proto_put_bytes(&data, 2, content->data, content->len);
    proto_put_message(&metadata, 1, &data);
    proto_put_message(value, 9, &metadata);
    buf_release(&data);
    buf_release(&metadata);
}

/* A tensor of one element: the text, or where there is none the 0 of whom only its metadata
 * matters. */
static void tensorboard_put_tensor(struct buf *value, const char *text)
{
    static const unsigned char shape_of_one[] = {2 << 3 | 2, 2, 1 << 3, 1};
    static const float zero = 0;
    struct buf tensor;
    buf_init(&tensor, RECORD_MAX);
    proto_put_int(&tensor, 1, text ? DT_STRING : DT_FLOAT);
    proto_put_bytes(&tensor, 2, shape_of_one, sizeof shape_of_one);
    if (text)
        proto_put_text(&tensor, 8, text);
    else
        proto_put_bytes(&tensor, 5, &zero, sizeof zero);
    proto_put_message(value, 8, &tensor);
    buf_release(&tensor);
}

static void put_plugin_value(struct tensorboard *t, const char *tag, const char *text,
                             const char *plugin, const struct buf *content)
{
    struct buf value;
    buf_init(&value, RECORD_MAX);
    proto_put_text(&value, 1, tag);
    tensorboard_put_tensor(&value, text);
    put_metadata(&value, plugin, content);
    proto_put_message(&t->summary, 1, &value);
    buf_release(&value);
}

void tensorboard_text(struct tensorboard *t, const char *tag, const char *text)
{
    char whole[128];
    struct buf none;
    buf_init(&none, 1);
    snprintf(whole, sizeof whole, "%s/text_summary", tag);
    put_plugin_value(t, whole, text, "text", &none);
    buf_release(&none);
}

/* --- hyper-parameters ------------------------------------------------------------------------ */

/* One of HParamsPluginData's messages. */
static void put_hparams(struct tensorboard *t, const char *tag, unsigned field, struct buf *message)
{
    struct buf content;
    buf_init(&content, RECORD_MAX);
    proto_put_message(&content, field, message);
    put_plugin_value(t, tag, NULL, "hparams", &content);
    buf_release(&content);
}

static void put_experiment(struct tensorboard *t, const struct tensorboard_hparam *h, int n,
                           const char *const *metrics)
{
    static const unsigned types[] = {
        [TENSORBOARD_TEXT] = 1, [TENSORBOARD_FLAG] = 2, [TENSORBOARD_NUMBER] = 3};
    struct buf out, part, name;
    buf_init(&out, RECORD_MAX);
    buf_init(&part, 4096);
    buf_init(&name, 4096);
    proto_put_double(&out, 3, t->now);
    for (int i = 0; i < n; i++) {
        proto_put_text(&part, 1, h[i].name);
        proto_put_int(&part, 4, types[h[i].type]);
        proto_put_message(&out, 4, &part);
    }
    for (int i = 0; metrics[i]; i++) {
        proto_put_text(&name, 2, metrics[i]);
        proto_put_message(&part, 1, &name);
        proto_put_message(&out, 5, &part);
    }
    put_hparams(t, "_hparams_/experiment", 2, &out);
    buf_release(&out);
    buf_release(&part);
    buf_release(&name);
}

static void put_session_start(struct tensorboard *t, const struct tensorboard_hparam *h, int n)
{
    struct buf out, entry, value;
    buf_init(&out, RECORD_MAX);
    buf_init(&entry, 8192);
    buf_init(&value, 4096);
    for (int i = 0; i < n; i++) {
        proto_put_text(&entry, 1, h[i].name);
        if (h[i].type == TENSORBOARD_TEXT)
            proto_put_text(&value, 3, h[i].text);
        else if (h[i].type == TENSORBOARD_FLAG)
            proto_put_int(&value, 4, h[i].number != 0);
        else
            proto_put_double(&value, 2, h[i].number);
        proto_put_message(&entry, 2, &value);
        proto_put_message(&out, 1, &entry);
    }
    proto_put_double(&out, 5, t->now);
    put_hparams(t, "_hparams_/session_start_info", 3, &out);
    buf_release(&out);
    buf_release(&entry);
    buf_release(&value);
}

void tensorboard_hparams(struct tensorboard *t, const struct tensorboard_hparam *h, int n,
                         const char *const *metrics)
{
    put_experiment(t, h, n, metrics);
    put_session_start(t, h, n);
}

void tensorboard_hparams_end(struct tensorboard *t, bool success)
{
    struct buf out;
    buf_init(&out, 64);
    proto_put_int(&out, 1, success ? 1 : 2);
    proto_put_double(&out, 2, t->now);
    put_hparams(t, "_hparams_/session_end_info", 4, &out);
    buf_release(&out);
}
