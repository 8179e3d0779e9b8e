/* How http.c, http_request.c and http_reply.c share the work: lines in, a judgement, a reply out.
 */
#ifndef NHTTPD_HTTP_PARTS_H
#define NHTTPD_HTTP_PARTS_H

#include "workloads/nhttpd/http.h"

/* Reads one line without its line end. 0, or the status of an error after which the bytes that
 * follow mean nothing. The request line comes first and looks up the file. */
unsigned http_request_line(struct http_request *r, const struct http_site *site, const char *line,
                           size_t n);
unsigned http_request_header(struct http_request *r, const char *line, size_t n);
/* The empty line came: the status to answer with, and whether the connection ends after it. */
unsigned http_request_end(const struct http_request *r, bool *close, bool *broken);

/* Writes a reply's head; what r says of version and HEAD is heeded, also when it is half read. */
void http_reply_file(struct http_reply *reply, const struct http_request *r, bool close);
void http_reply_status(struct http_reply *reply, const struct http_request *r, unsigned status,
                       bool close);

#endif
