/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Letters between a LU's home and a transport on another reactor's thread. A task has three: `up` to home,
 * `down` from there, and `stop`, for the move that `down` has begun. One that ran by a pass has had no
 * letter yet, and goes home with the one that would come from there.
 */
#include <stdlib.h>
#include "scsi/gate.h"

static struct scsi_io *io_of_up(struct mail *m)
{
	return container_of(m, struct scsi_io, up);
}

static struct scsi_io *io_of_down(struct mail *m)
{
	return container_of(m, struct scsi_io, down);
}

/* --- to the transport */

static void move_there(struct mail *m)
{
	struct scsi_io *io = io_of_down(m);

	io->port->data_move(io);
}

void scsi_port_move(struct scsi_io *io)
{
	if (io->away && !io->gate)
		reactor_post(io->away, &io->down, move_there);
	else
		io->port->data_move(io);
}

static void abort_there(struct mail *m)
{
	struct scsi_io *io = container_of(m, struct scsi_io, stop);

	io->port->move_abort(io);
}

void scsi_port_abort(struct scsi_io *io)
{
	if (io->away)
		reactor_post(io->away, &io->stop, abort_there);
	else
		io->port->move_abort(io);
}

static void done_there(struct mail *m)
{
	struct scsi_io *io = io_of_down(m);
	struct scsi_nexus *nexus = io->nexus; /* NULL: it is lost */

	if (nexus && io->ahead)
		nexus->ahead--;
	if (nexus && io->grant && !nexus->left)
		scsi_pass_take(nexus, io);
	io->port->done(io);
}

void scsi_port_done(struct scsi_io *io)
{
	if (!io->away) {
		io->port->done(io);
		return;
	}
	scsi_gate_grant(io);
	reactor_post(io->away, &io->down, done_there);
}

/* --- to home */

static void submit_here(struct mail *m)
{
	scsi_submit_home(io_of_up(m));
}

void scsi_submit(struct scsi_io *io)
{
	if (!io->away) {
		scsi_submit_home(io);
	} else if (!scsi_pass_run(io)) {
		io->ahead = scsi_order_is_strict(io);
		io->nexus->ahead += io->ahead;
		reactor_post(io->home, &io->up, submit_here);
	}
}

static void moved_here(struct mail *m)
{
	struct scsi_io *io = io_of_up(m);

	scsi_moved_home(io, io->err);
}

void scsi_io_moved(struct scsi_io *io, int err)
{
	if (io->gate) {
		scsi_pass_moved(io, err);
	} else if (io->away) {
		io->err = err;
		reactor_post(io->home, &io->up, moved_here);
	} else {
		scsi_moved_home(io, err);
	}
}

static void refused_here(struct mail *m)
{
	struct scsi_io *io = io_of_up(m);

	scsi_refuse_home(io, io->status, io->refused_key, io->refused_asc_ascq);
}

void scsi_refuse(struct scsi_io *io, enum scsi_status status, uint8_t key, uint16_t asc_ascq)
{
	if (!io->away) {
		scsi_refuse_home(io, status, key, asc_ascq);
		return;
	}
	io->status = (uint8_t)status;
	io->refused_key = key;
	io->refused_asc_ascq = asc_ascq;
	reactor_post(io->home, &io->up, refused_here);
}

static void aborted_here(struct mail *m)
{
	struct scsi_io *io = io_of_up(m);

	scsi_tmf_abort_home(io);
}

void scsi_away_abort(struct scsi_io *io)
{
	if (io->away)
		reactor_post(io->home, &io->up, aborted_here);
	else
		scsi_tmf_abort_home(io);
}

/* In whatever state it was in. */
static void handed_in(struct mail *m)
{
	struct scsi_io *io = io_of_down(m);

	scsi_gate_adopt(io);
	if (io->state ==
	    SCSI_IO_NEW) /* it failed at the store; what it wrote it will write again */
		scsi_store_again(io);
	else if (io->state == SCSI_IO_MOVING && io->err) /* not under way any more */
		scsi_moved_home(io, io->err);
}

void scsi_away_hand_in(struct scsi_io *io)
{
	reactor_post(io->home, &io->down, handed_in);
}

static void stored_here(struct mail *m)
{
	struct scsi_io *io = io_of_up(m);

	bs_unshare(io->lu->bs, io->bs.op == BS_WRITE);
	scsi_store_tried(io);
}

void scsi_away_stored(struct scsi_io *io)
{
	reactor_post(io->home, &io->up, stored_here);
}

/* --- task management */

static void start_here(struct mail *m)
{
	scsi_tmf_start_home(container_of(m, struct scsi_tmf, mail));
}

void scsi_tmf_start(struct scsi_tmf *tmf)
{
	tmf->away = tmf->nexus->away;
	if (!tmf->away) {
		scsi_tmf_start_home(tmf);
		return;
	}
	tmf->mail = (struct mail){0};
	tmf->nexus->ahead++;
	reactor_post(tmf->nexus->home, &tmf->mail, start_here);
}

static void tmf_done_there(struct mail *m)
{
	struct scsi_tmf *tmf = container_of(m, struct scsi_tmf, mail);

	/* The nexus goes after all letters about it. */
	tmf->nexus->ahead--;
	tmf->done(tmf, tmf->result);
}

void scsi_tmf_tell(struct scsi_tmf *tmf, enum scsi_tmf_result result)
{
	if (!tmf->away) {
		tmf->done(tmf, result);
		return;
	}
	tmf->result = result;
	reactor_post(tmf->away, &tmf->mail, tmf_done_there);
}
