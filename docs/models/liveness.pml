/*
 * Node-pair liveness, promises and leader leases (docs/decisions/0019-node-pair-liveness.md): one shard with three
 * voters on three nodes, in discrete time. Checked: whoever would answer a strong read from its own state has
 * everything that any leader has committed, and no two nodes would answer at the same time.
 *
 * One process makes one step of one node, of the network or of time after the other. That time may pass between any
 * two steps is what pauses a process anywhere. Steps between which nothing observable lies are one d_step.
 *
 * Appends, their answers, vote requests and revocations are never lost for good, may come at any later time, any
 * number of times and in any order: so they need no state, they are enabled for ever once they were sent. That a
 * message is lost is a step that is not taken. Probes and answers carry times, so they are kept: the newest of each
 * pair in flight; an older one that is still on its way counts as lost.
 *
 * A time is kept as an age, in ticks of the clock that measures it, up to the age that makes no more difference.
 *
 * Each rule of the protocol is left out by defining NO_...; see README.md for what then goes wrong.
 */

#define N 3

/* Bounds: the terms, the crashes, and the sessions of a pair of nodes to which something refers at the same time.
 * With SAME_RATE the clocks do not drift; with MORTAL_NODE only that node crashes. */
#ifndef TERMS
#define TERMS 2
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef SESSIONS
#define SESSIONS (CRASHES + 1)
#endif

/*
 * A promise runs PROMISE ticks of the clock of who gave it. At every PROMISE-th tick any clock may stand still: clocks
 * differ in rate by at most one part in PROMISE. A lease is shorter than a promise by that allowance.
 */
#define PROMISE 3
#ifdef NO_DRIFT_ALLOWANCE
#define LEASE PROMISE
#else
#define LEASE (PROMISE - 1)
#endif

/* PAIR(a, b) is the place of what node a keeps about node b. NODE is a node in a set of nodes. */
#define PAIR(a, b) ((a) * N + (b))
#define NODE(a)    (1 << (a))

/* MAJORITY(s): the set s holds two of three. */
#define MAJORITY(s) ((s) == 3 || (s) >= 5)

/* Durable: the term, the vote in it (node + 1), and the term of the last entry of the log. Each leader appends one
 * entry, of its own term: a write and what makes the writes before it committed. So the last term tells the log. */
byte term[N];
byte vote[N];
byte last[N];

/* Volatile. */
bit  leads[N];
bit  campaigns[N];
bit  forced[N];          /* the campaign is a transfer: its vote requests bypass promises */
byte votes[N];           /* the set of voters that a candidate has */
byte applied[N];         /* the term of the last entry that a leader has applied */
bit  gaveUp[N];          /* the leader has given up its lease for the rest of the term */
byte followed[N];        /* the term of the last leader whose append the replica took, as the core remembers it */
byte waits[N];           /* ticks until a restarted node votes */

/* The side that promises: what is left of the promise to a node, in which session, whether to a process that ended. */
byte promise[N * N];
byte session[N * N];
bit  outlived[N * N];

/* The side that leads: the age of the newest probe that a peer answered and the session of the answer; the set of
 * sessions in which the peer acknowledged an append of the leader's term. */
byte age[N * N];
byte answered[N * N];
byte acked[N * N];

/* In flight: age + 1 of a probe (of its sender, to) and of an answer (of who answers, to), 0: none. */
byte probe[N * N];
byte answer[N * N];
byte answerSession[N * N];

/* The world's memory: who was elected (node + 1), who has the entry on disk, what was committed, of which terms the
 * leader has begun a transfer, or revoked. */
byte elected[TERMS + 1];
byte stored[TERMS + 1];
byte committed;
bit  transferred[TERMS + 1];
bit  revoked[TERMS + 1];

byte crashes;
byte phase;

/*
 * Configurations. Without JOINT all three nodes vote. JOINT 1 is a change from {0,1,2} to {0}: the first leader's entry
 * enters the joint configuration. JOINT 2 is one from {0} to {0,1,2}: the first leader's entry leaves the joint
 * configuration. A replica applies the entry some time after it is committed: changed.
 */
#ifdef JOINT
bit changed[N];
#if JOINT == 1
#define IN_JOINT(a) (changed[a])
#else
#define IN_JOINT(a) (!changed[a])
#endif
#define QUORUM(a, s) (MAJORITY(s) && (!IN_JOINT(a) || ((s) & NODE(0)) != 0))
#ifdef NO_BOTH_HALVES
#if JOINT == 1
/* Only the incoming half counts. */
#define LEASE_QUORUM(a, s) (IN_JOINT(a) -> ((s) & NODE(0)) != 0 : MAJORITY(s))
#else
/* Only the outgoing half counts. */
#define LEASE_QUORUM(a, s) (IN_JOINT(a) -> ((s) & NODE(0)) != 0 : MAJORITY(s))
#endif
#else
#define LEASE_QUORUM(a, s) QUORUM(a, s)
#endif
#else
#define QUORUM(a, s)       MAJORITY(s)
#define LEASE_QUORUM(a, s) MAJORITY(s)
#endif

/* HOLDS(a): node a's replica follows a leader to whose node a promise runs: the core keeps votes from it. */
#define LEADER(t) (elected[t] - 1)
#if defined(NO_WITHHOLDING)
#define HOLDS(a) false
#elif defined(NO_CORE)
/* Raft's own notion of a leader is gone with the first message of a later term. */
#define HOLDS(a) (followed[a] != 0 && followed[a] == term[a] && LEADER(followed[a]) != a && \
	promise[PAIR(a, LEADER(followed[a]))] > 0 && !revoked[followed[a]])
#else
#define HOLDS(a) (followed[a] != 0 && LEADER(followed[a]) != a && \
	promise[PAIR(a, LEADER(followed[a]))] > 0 && !revoked[followed[a]])
#endif

/* COUNTS(x, p): the leader on x may count the promise of p. */
#if defined(NO_APPEND_CONDITION)
#define COUNTS(x, p) (age[PAIR(x, p)] < LEASE)
#elif defined(NO_SESSION_MATCH)
#define COUNTS(x, p) (age[PAIR(x, p)] < LEASE && acked[PAIR(x, p)] != 0)
#else
#define COUNTS(x, p) (age[PAIR(x, p)] < LEASE && ((acked[PAIR(x, p)] >> answered[PAIR(x, p)]) & 1) == 1)
#endif

#define PROMISED(x, p) ((x) == (p) || COUNTS(x, p) -> NODE(p) : 0)
#define PROMISES(x)    (PROMISED(x, 0) | PROMISED(x, 1) | PROMISED(x, 2))

#ifdef NO_OWN_ENTRY
#define OWN_ENTRY(x) true
#else
#define OWN_ENTRY(x) (applied[x] == term[x])
#endif

/* ANSWERS(x): node x would answer a strong read from its own state. */
#define ANSWERS(x) (leads[x] && !gaveUp[x] && OWN_ENTRY(x) && LEASE_QUORUM(x, PROMISES(x)))

/* ---- time ---- */

#define AGED(v, limit)   v = (v < (limit) -> v + 1 : v)
#define FLOWN(v)         v = (v > 0 && v <= LEASE -> v + 1 : v)
#define RUN_DOWN(v)      v = (v > 0 -> v - 1 : 0)

inline advancePair(a, b) {
	RUN_DOWN(promise[PAIR(a, b)]);
	outlived[PAIR(a, b)] = (promise[PAIR(a, b)] > 0 -> outlived[PAIR(a, b)] : 0);
	AGED(age[PAIR(a, b)], LEASE);
	answered[PAIR(a, b)] = (age[PAIR(a, b)] < LEASE -> answered[PAIR(a, b)] : 0);
	FLOWN(probe[PAIR(a, b)]);
	FLOWN(answer[PAIR(b, a)]);
#ifndef NO_SEND_TIME
	/* An answer to a probe that is as old as a lease says nothing any more. */
	if
	:: answer[PAIR(b, a)] > LEASE -> answer[PAIR(b, a)] = 0; answerSession[PAIR(b, a)] = 0
	:: else
	fi
#endif
}

inline advance(a, still) {
	if
	:: (still & NODE(a)) == 0 ->
		RUN_DOWN(waits[a]);
		advancePair(a, (a + 1) % N);
		advancePair(a, (a + 2) % N)
	:: else
	fi
}

/* A session to which nothing refers any more may give its number to another. */
inline reuse(x, p) {
#ifndef NO_SESSION_MATCH
	if
	:: promise[PAIR(p, x)] == 0 && age[PAIR(x, p)] == LEASE && answer[PAIR(p, x)] == 0 ->
		session[PAIR(p, x)] = 0;
		acked[PAIR(x, p)] = 0
	:: else
	fi
#else
	skip
#endif
}

/* Time passes; the clocks of the nodes in still do not move. */
inline tick(still) {
	d_step {
		advance(0, still);
		advance(1, still);
		advance(2, still);
		reuse(0, 1); reuse(0, 2); reuse(1, 0); reuse(1, 2); reuse(2, 0); reuse(2, 1);
#ifndef SAME_RATE
		phase = (phase + 1) % PROMISE
#endif
	}
}

/* ---- probes and promises ---- */

/*
 * Leases of the last term are not looked at, since nothing comes after it that they could contradict. So only who leads
 * an earlier one, or may come to, sends probes and takes answers.
 */
#define MATTERS(x) (term[x] < TERMS && !gaveUp[x] && (leads[x] || campaigns[x] || term[x] + 1 < TERMS))

inline send(x, p) {
	d_step { probe[PAIR(x, p)] = 1 }
}

/* Node x takes an answer of p. That it comes late only makes a lease begin later: unless LATE_ANSWERS is defined, it is
 * taken as it is given. */
inline note(x, p) {
#ifdef NO_SEND_TIME
	age[PAIR(x, p)] = 0;
	answered[PAIR(x, p)] = answerSession[PAIR(p, x)];
#else
	if
	:: answer[PAIR(p, x)] - 1 < age[PAIR(x, p)] || answerSession[PAIR(p, x)] != answered[PAIR(x, p)] ->
		age[PAIR(x, p)] = answer[PAIR(p, x)] - 1;
		answered[PAIR(x, p)] = answerSession[PAIR(p, x)]
	:: else
	fi;
#endif
	answer[PAIR(p, x)] = 0;
	answerSession[PAIR(p, x)] = 0
}

/*
 * Node p takes a probe of x: the promise begins anew, in a new session unless one runs for the process that asks. That
 * a probe comes late only makes the promise end later: unless LATE_PROBES is defined, one is taken as it is sent.
 */
#ifdef LATE_PROBES
#define TAKEN(x, p) (probe[PAIR(x, p)])
#else
#define TAKEN(x, p) (MATTERS(x) -> 1 : 0)
#endif
#define MAY_PROMISE(x, p) (TAKEN(x, p) > 0 && \
	((promise[PAIR(p, x)] > 0 && !outlived[PAIR(p, x)]) || session[PAIR(p, x)] < SESSIONS))
inline give(x, p) {
	d_step {
		if
		:: promise[PAIR(p, x)] > 0 && !outlived[PAIR(p, x)]
		:: else -> session[PAIR(p, x)]++
		fi;
		promise[PAIR(p, x)] = PROMISE;
		outlived[PAIR(p, x)] = 0;
		answer[PAIR(p, x)] = TAKEN(x, p);
		answerSession[PAIR(p, x)] = session[PAIR(p, x)];
		probe[PAIR(x, p)] = 0;
#ifndef LATE_ANSWERS
		note(x, p)
#endif
	}
}

inline take(x, p) {
	d_step { note(x, p) }
}

/* Node p ends a promise before its time: a new boot id proves that the process it was given to has ended. */
#ifdef NO_PATIENCE
/* A broken connection is taken for proof. */
#define MAY_RELEASE(p, x) (promise[PAIR(p, x)] > 0)
#else
#define MAY_RELEASE(p, x) (promise[PAIR(p, x)] > 0 && outlived[PAIR(p, x)])
#endif
inline release(p, x) {
	d_step { promise[PAIR(p, x)] = 0; outlived[PAIR(p, x)] = 0 }
}

/* ---- elections ---- */

inline follow(a, t) {
	if
	:: term[a] < t -> term[a] = t; vote[a] = 0
	:: else
	fi;
	leads[a] = 0; gaveUp[a] = 0; campaigns[a] = 0; forced[a] = 0; votes[a] = 0;
	acked[PAIR(a, (a + 1) % N)] = 0; acked[PAIR(a, (a + 2) % N)] = 0
}

/* What node a's leases would need is not kept where it cannot matter. */
inline clean(a, b) {
	age[PAIR(a, b)] = LEASE; answered[PAIR(a, b)] = 0;
	probe[PAIR(a, b)] = 0; answer[PAIR(b, a)] = 0; answerSession[PAIR(b, a)] = 0
}
inline tidy(a) {
	if
	:: !MATTERS(a) -> clean(a, (a + 1) % N); clean(a, (a + 2) % N)
	:: else
	fi;
	if
	:: term[a] == TERMS && elected[TERMS] != 0 -> last[a] = 0; followed[a] = 0
	:: else
	fi
}

inline stand(c, force) {
	d_step {
		follow(c, term[c] + 1);
		campaigns[c] = 1;
		forced[c] = force;
		vote[c] = c + 1;
		votes[c] = NODE(c);
		tidy(c)
	}
}

#define MAY_STAND(c)       (!leads[c] && term[c] < TERMS && waits[c] == 0 && !HOLDS(c))
#define MAY_TAKE_OVER(c)   (!leads[c] && term[c] < TERMS && waits[c] == 0 && \
	transferred[term[c]] && followed[c] == term[c])
#define MAY_VOTE(a, c)     (campaigns[c] && waits[a] == 0 && last[a] <= last[c] && (!HOLDS(a) || forced[c]) && \
	(term[a] < term[c] || (term[a] == term[c] && vote[a] == 0)))

inline cast(a, c) {
	d_step {
		follow(a, term[c]);
		vote[a] = c + 1;
		votes[c] = votes[c] | NODE(a);
		tidy(a)
	}
}

/* Votes in a term that has a leader, and campaigns in it, are over. */
inline lose(a, t) {
	if
	:: term[a] == t -> campaigns[a] = 0; forced[a] = 0; votes[a] = 0; vote[a] = 0
	:: else
	fi
}

inline win(c) {
	d_step {
		elected[term[c]] = c + 1;
		lose(0, term[c]); lose(1, term[c]); lose(2, term[c]);
		leads[c] = 1;
		last[c] = term[c];
		stored[term[c]] = NODE(c);
		followed[c] = term[c];
		tidy(0); tidy(1); tidy(2)
	}
}

/* Any message of a later term raises the term: it takes no promise to send one. */
inline hear(a, c) {
	d_step { follow(a, term[c]); tidy(a) }
}

/* ---- the log ---- */

/* Acknowledgements carry the session in which they were given, if a promise runs then. */
inline acknowledge(a, t) {
	if
	:: leads[LEADER(t)] && term[LEADER(t)] == t && promise[PAIR(a, LEADER(t))] > 0 && !outlived[PAIR(a, LEADER(t))] ->
		acked[PAIR(LEADER(t), a)] = acked[PAIR(LEADER(t), a)] | (1 << session[PAIR(a, LEADER(t))])
	:: else
	fi
}

/* What the leader of the last term writes is not looked at: that there is one is enough. */
#define MAY_STORE(a, t) (elected[t] != 0 && LEADER(t) != a && term[a] <= t)
inline store(a, t) {
	d_step {
		follow(a, t);
		last[a] = t;
		followed[a] = t;
		stored[t] = stored[t] | NODE(a);
		acknowledge(a, t);
		tidy(a)
	}
}

/* An acknowledgement that waited for the disk gets the session of the moment at which it is sent. */
#define MAY_STAMP_LATE(a, t) (elected[t] != 0 && LEADER(t) != a && (stored[t] & NODE(a)) != 0 && term[a] > t)

#define MAY_COMMIT(x) (leads[x] && term[x] < TERMS && applied[x] < term[x] && QUORUM(x, stored[term[x]]))
inline commit(x) {
	d_step {
		applied[x] = term[x];
		committed = (committed < term[x] -> term[x] : committed)
	}
}

/* ---- the end of a leadership ---- */

inline transfer(x) {
	d_step {
		transferred[term[x]] = 1;
#ifndef NO_GIVING_UP
		gaveUp[x] = 1
#endif
		;
		tidy(x)
	}
}

/* The leader stops leading while its node lives, and says so; or it lost its majority, which comes to the same. */
inline revoke(x) {
	d_step {
		revoked[term[x]] = 1;
#ifdef NO_STOP_BEFORE_REVOKING
		skip
#else
		follow(x, term[x]);
		tidy(x)
#endif
	}
}

inline forget(a, b) {
	promise[PAIR(a, b)] = 0; outlived[PAIR(a, b)] = 0;
	clean(a, b);
	outlived[PAIR(b, a)] = (promise[PAIR(b, a)] > 0)
}

/* Node a crashes and starts again at once. It kept what is durable. */
inline crash(a) {
	d_step {
		follow(a, term[a]);
		applied[a] = 0;
		followed[a] = 0;
#ifndef NO_WAIT
		waits[a] = PROMISE;
#endif
		forget(a, (a + 1) % N);
		forget(a, (a + 2) % N);
		crashes++
	}
}

/* ---- all steps ---- */

#ifdef LATE_PROBES
#define SEND(x, p) :: MATTERS(x) && probe[PAIR(x, p)] != 1 -> send(x, p)
#else
#define SEND(x, p)
#endif

#ifdef LATE_ANSWERS
#define TAKE(x, p) :: answer[PAIR(p, x)] > 0 -> take(x, p)
#else
#define TAKE(x, p)
#endif

#define STEPS_OF_PAIR(x, p) \
	SEND(x, p) \
	:: MAY_PROMISE(x, p) -> give(x, p) \
	TAKE(x, p) \
	:: MAY_RELEASE(p, x) -> release(p, x) \
	:: MAY_VOTE(p, x) -> cast(p, x) \
	:: term[p] < term[x] -> hear(p, x)

#ifdef MORTAL_NODE
#define MORTAL(a) ((a) == MORTAL_NODE)
#else
#define MORTAL(a) true
#endif

#define STEPS_OF_NODE(a) \
	:: MAY_STAND(a) -> stand(a, 0) \
	:: MAY_TAKE_OVER(a) -> stand(a, 1) \
	:: campaigns[a] && QUORUM(a, votes[a]) -> win(a) \
	:: MAY_COMMIT(a) -> commit(a) \
	:: leads[a] && term[a] < TERMS && !transferred[term[a]] -> transfer(a) \
	:: leads[a] && term[a] < TERMS && !revoked[term[a]] -> revoke(a) \
	:: crashes < CRASHES && MORTAL(a) -> crash(a)

#define STEPS_OF_TERM(t) \
	:: MAY_STORE(0, t) -> store(0, t) \
	:: MAY_STORE(1, t) -> store(1, t) \
	:: MAY_STORE(2, t) -> store(2, t)

#define READ(a) \
	:: ANSWERS(a) && committed > applied[a] -> assert(false) /* a stale read */

#define LATER(a) ((elected[2] != 0 && term[a] < 2) ELECTED_THIRD(a))
#if TERMS > 2
#define ELECTED_THIRD(a) || (elected[3] != 0 && term[a] < 3)
#else
#define ELECTED_THIRD(a)
#endif
#define ALONE(a) \
	:: ANSWERS(a) && LATER(a) -> assert(false) /* a lease, and a leader of a later term */

init {
	d_step {
		age[PAIR(0, 1)] = LEASE; age[PAIR(0, 2)] = LEASE;
		age[PAIR(1, 0)] = LEASE; age[PAIR(1, 2)] = LEASE;
		age[PAIR(2, 0)] = LEASE; age[PAIR(2, 1)] = LEASE;
		/* The first election, in which nobody has promised anything: node 0 has the vote of node 1. */
		term[0] = 1; term[1] = 1;
		vote[0] = 1; vote[1] = 1;
		leads[0] = 1;
		last[0] = 1;
		stored[1] = NODE(0);
		elected[1] = 1;
		followed[0] = 1
	}
	do
	:: !MATTERS(0) && !MATTERS(1) && !MATTERS(2) -> break /* nobody can have a lease that is looked at */
	:: atomic { else ->
	if
	READ(0) READ(1) READ(2)
	ALONE(0) ALONE(1) ALONE(2)
	STEPS_OF_TERM(1)
#if TERMS > 2
	STEPS_OF_TERM(2)
#endif
	STEPS_OF_NODE(0) STEPS_OF_NODE(1) STEPS_OF_NODE(2)
	STEPS_OF_PAIR(0, 1) STEPS_OF_PAIR(0, 2)
	STEPS_OF_PAIR(1, 0) STEPS_OF_PAIR(1, 2)
	STEPS_OF_PAIR(2, 0) STEPS_OF_PAIR(2, 1)
#ifdef NO_EARLY_STAMP
	:: MAY_STAMP_LATE(1, 1) -> d_step { acknowledge(1, 1) }
	:: MAY_STAMP_LATE(2, 1) -> d_step { acknowledge(2, 1) }
#endif
#ifdef JOINT
	:: !changed[0] && last[0] >= 1 && committed >= 1 -> changed[0] = 1
	:: !changed[1] && last[1] >= 1 && committed >= 1 -> changed[1] = 1
	:: !changed[2] && last[2] >= 1 && committed >= 1 -> changed[2] = 1
#endif
	:: tick(0)
#ifndef SAME_RATE
	:: phase == 0 -> tick(NODE(0))
	:: phase == 0 -> tick(NODE(1))
	:: phase == 0 -> tick(NODE(2))
#endif
	fi }
	od
}
