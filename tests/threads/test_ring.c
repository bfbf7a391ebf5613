/* SPDX-License-Identifier: MIT */
/*
 * The byte ring of carillon/ring.h: a producer and a consumer thread that sleep whenever the ring
 * tells them to, so that a notification left out is a test that hangs; and peers that write
 * nonsense.
 */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <carillon/ring.h>

#define TOTAL (8u << 20)
#define PAGES 5

struct pair {
	_Alignas(4096) uint8_t memory[PAGES * RING_PAGE];
	sem_t data, space; /* the two directions' notifications */
};

/* What the byte at that place of the stream is: no two neighbouring pieces look alike. */
static uint8_t byte_at(uint32_t i)
{
	return (uint8_t)((i * 2654435761u) >> 24);
}

static uint32_t at_most(unsigned *seed, uint32_t limit)
{
	return (uint32_t)rand_r(seed) % limit + 1;
}

/* Copy a piece in by one of the two ways there are; how much of it. */
static uint32_t put(struct ring_producer *p, const uint8_t *from, uint32_t n, unsigned *seed)
{
	uint32_t room;
	void *at;

	if (rand_r(seed) & 1) {
		int64_t done = ring_write(p, from, n);

		assert_true(done >= 0);
		return (uint32_t)done;
	}
	at = ring_space_at(p, &room);
	if (room > n)
		room = n;
	memcpy(at, from, room);
	ring_advance(p, room);
	return room;
}

static void *produce(void *arg)
{
	struct pair *pair = arg;
	struct ring_producer p;
	uint8_t piece[5000];
	unsigned seed = 1;
	uint32_t i = 0;

	assert_true(ring_producer_init(&p, pair->memory, sizeof(pair->memory)));
	while (i < TOTAL) {
		uint32_t n = at_most(&seed, sizeof(piece)), done = 0, k;

		if (n > TOTAL - i)
			n = TOTAL - i;
		for (k = 0; k < n; k++)
			piece[k] = byte_at(i + k);
		while (done < n) {
			done += put(&p, piece + done, n - done, &seed);
			if (ring_publish(&p))
				sem_post(&pair->data);
			if (done < n && ring_wait_space(&p, p.end.size / 2))
				sem_wait(&pair->space);
		}
		i += n;
	}
	ring_finish(&p);
	sem_post(&pair->data);
	return NULL;
}

/* Read all there is; how many bytes, and that each is the right one. */
static uint32_t consume(struct pair *pair)
{
	struct ring_consumer c;
	uint8_t piece[7000];
	unsigned seed = 2;
	uint32_t i = 0;

	assert_true(ring_consumer_init(&c, pair->memory, sizeof(pair->memory)));
	for (;;) {
		int64_t n = ring_read(&c, piece, at_most(&seed, sizeof(piece)));
		int64_t k;

		assert_true(n >= 0);
		for (k = 0; k < n; k++)
			assert_int_equal(piece[k], byte_at(i + (uint32_t)k));
		i += (uint32_t)n;
		if (ring_release(&c))
			sem_post(&pair->space);
		if (n)
			continue;
		if (ring_at_end(&c))
			return i;
		if (ring_wait_data(&c))
			sem_wait(&pair->data);
	}
}

static void whole_stream_arrives(void **state)
{
	struct pair *pair = aligned_alloc(4096, (sizeof(*pair) + 4095) / 4096 * 4096);
	pthread_t producer;

	(void)state;
	assert_non_null(pair);
	memset(pair->memory, 0, sizeof(pair->memory));
	sem_init(&pair->data, 0, 0);
	sem_init(&pair->space, 0, 0);
	assert_int_equal(pthread_create(&producer, NULL, produce, pair), 0);
	assert_int_equal(consume(pair), TOTAL);
	pthread_join(producer, NULL);
	free(pair);
}

static _Alignas(4096) uint8_t alone[PAGES * RING_PAGE];

static void too_small_is_refused(void **state)
{
	struct ring_producer p;

	(void)state;
	assert_false(ring_producer_init(&p, alone, 2 * RING_PAGE - 1));
	assert_true(ring_producer_init(&p, alone, sizeof(alone)));
	assert_int_equal(p.end.size, 4 * RING_PAGE);
}

static void full_ring_takes_no_more(void **state)
{
	static uint8_t much[5 * RING_PAGE];
	struct ring_producer p;
	struct ring_consumer c;

	(void)state;
	memset(alone, 0, sizeof(alone));
	ring_producer_init(&p, alone, sizeof(alone));
	ring_consumer_init(&c, alone, sizeof(alone));
	assert_int_equal(ring_write(&p, much, sizeof(much)), 4 * RING_PAGE);
	assert_int_equal(ring_write(&p, much, 1), 0);
	ring_publish(&p);
	assert_int_equal(ring_read(&c, much, 10), 10);
	/* Read, but not given back yet. */
	assert_int_equal(ring_space(&p), 0);
	ring_release(&c);
	assert_int_equal(ring_space(&p), 10);
}

/* A consumer that claims to have read what was never written; one that goes back. */
static void lying_consumer_breaks_the_ring(void **state)
{
	struct ring_producer p;

	(void)state;
	memset(alone, 0, sizeof(alone));
	ring_producer_init(&p, alone, sizeof(alone));
	ring_write(&p, "abc", 3);
	ring_publish(&p);
	atomic_store(&p.end.shared->consumed, 4);
	assert_int_equal(ring_space(&p), -1);
	atomic_store(&p.end.shared->consumed, 3);
	assert_int_equal(ring_write(&p, "abc", 3), -1);

	memset(alone, 0, sizeof(alone));
	ring_producer_init(&p, alone, sizeof(alone));
	ring_write(&p, "abc", 3);
	ring_publish(&p);
	atomic_store(&p.end.shared->consumed, 2);
	assert_int_equal(ring_space(&p), 4 * RING_PAGE - 1);
	atomic_store(&p.end.shared->consumed, 1);
	assert_int_equal(ring_space(&p), -1);
}

static void lying_producer_breaks_the_ring(void **state)
{
	struct ring_consumer c;
	uint32_t n;

	(void)state;
	memset(alone, 0, sizeof(alone));
	ring_consumer_init(&c, alone, sizeof(alone));
	atomic_store(&c.end.shared->produced, 4 * RING_PAGE + 1);
	assert_int_equal(ring_data(&c), -1);
	ring_data_at(&c, &n);
	assert_int_equal(n, 0);
	assert_false(ring_wait_data(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_stream_arrives),
		cmocka_unit_test(too_small_is_refused),
		cmocka_unit_test(full_ring_takes_no_more),
		cmocka_unit_test(lying_consumer_breaks_the_ring),
		cmocka_unit_test(lying_producer_breaks_the_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
