/* SPDX-License-Identifier: BSD-2-Clause */
/* SendTargets: one Text Request, and as many Responses as its answer takes (RFC 7143 11.10, 11.11). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "initiator/priv.h"

static void request(struct ini_session *s, const uint8_t *ttt, const char *which)
{
	struct note *note = ini_conn_note(s, ISCSI_TEXT_REQUEST | ISCSI_IMMEDIATE, ISCSI_FINAL);
	if (!note)
		return;
	struct iscsi_text_request *bhs = (struct iscsi_text_request *)&note->pdu.bhs;
	put_be32(bhs->itt, s->text->tag);
	put_be32(bhs->ttt, ISCSI_RESERVED_TAG);
	if (ttt)
		memcpy(bhs->ttt, ttt, sizeof(bhs->ttt));
	if (which) {
		int n = snprintf((char *)note->data, sizeof(note->data), "SendTargets=%s", which);
		note->pdu.data = note->data;
		note->pdu.data_len = (uint32_t)n + 1;
	}
	ini_conn_push(s, note);
}

int ini_send_targets(struct ini_session *s, struct ini_text *text, uint64_t now)
{
	s->now = now;
	if (strlen(text->which) > ISCSI_NAME_MAX)
		return -EINVAL;
	if (s->state != M_UP)
		return -ENOTCONN;
	if (s->text)
		return -EBUSY;
	if (!s->text_segment)
		s->text_segment = malloc(s->params.max_recv_data);
	if (!s->text_segment)
		return -ENOMEM;
	text->tag = ini_tag_new(s, TAG_TEXT, text);
	if (text->tag == ISCSI_RESERVED_TAG)
		return -EBUSY;
	iscsi_text_in_init(&s->text_in, INI_TEXT_MAX, INI_TEXT_PDUS);
	text->data = NULL;
	text->len = 0;
	text->ends = ini_session_after(s, s->config.times.text);
	s->text = text;
	request(s, NULL, text->which);
	return 0;
}

/* Something may still be coming into the segment, so that stays until the connection is closed. */
void ini_text_end(struct ini_session *s, int err)
{
	struct ini_text *text = s->text;
	if (!text)
		return;
	if (ini_tag_find(s, text->tag, TAG_TEXT))
		ini_tag_free(s, text->tag);
	s->text = NULL;
	/* Its memory may be that of the next one when `done` asks again. */
	struct iscsi_text_in in = s->text_in;
	s->text_in = (struct iscsi_text_in){0};
	text->data = err ? NULL : in.buf.data;
	text->len = err ? 0 : in.buf.len;
	text->done(text, err);
	iscsi_text_in_free(&in);
}

void ini_text_lose(struct ini_session *s)
{
	ini_text_end(s, -ECONNRESET);
	free(s->text_segment);
	s->text_segment = NULL;
}

void ini_text_header(struct ini_session *s)
{
	const struct iscsi_text_response *rsp = (const struct iscsi_text_response *)&s->rx.bhs;
	if (!ini_tag_find(s, get_be32(rsp->itt), TAG_TEXT))
		ini_recovery_break(s, INI_NONSENSE, "the target sends text that was not asked for");
	else
		iscsi_rx_place(&s->rx, s->text_segment, s->params.max_recv_data);
}

void ini_text_response(struct ini_session *s)
{
	const struct iscsi_text_response *rsp = (const struct iscsi_text_response *)&s->rx.bhs;
	bool final = rsp->flags & ISCSI_FINAL, more = rsp->flags & ISCSI_TEXT_CONTINUE;
	bool tag = get_be32(rsp->ttt) != ISCSI_RESERVED_TAG;
	if (!s->text || ini_tag_find(s, get_be32(rsp->itt), TAG_TEXT) != s->text)
		return; /* it was given up while this came in */
	/* RFC 7143 11.11.4: the tag is there exactly when more is to come. */
	if ((final && more) || final == tag) {
		ini_text_end(s, -EPROTO);
		return;
	}
	int err = iscsi_text_in_add(&s->text_in, s->text_segment, s->rx.data_len);
	if (err || final)
		ini_text_end(s, err);
	else
		request(s, rsp->ttt, NULL);
}
