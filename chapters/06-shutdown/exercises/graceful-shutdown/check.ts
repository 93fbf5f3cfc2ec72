import { type Examiner, exercise } from '#lib/workshop/exercise.ts'
import { exactDialogue, patienceStep } from '#lib/workshop/many-clients.ts'
import { survives } from '#lib/workshop/survives.ts'
import type { Talk } from '#lib/workshop/talk.ts'
import {
  AGAIN_MS,
  begins,
  company,
  DEADLINE_MS,
  exchange,
  exits,
  fin,
  finished,
  takesConnection,
  terminate,
  WORK_MS,
} from './judge.ts'

/** A client that does not close sends something so often. */
const CHATTER_MS = 300
/** So many requests come at once: a function that calls itself for each of them gets too deep. */
const AT_ONCE = 1100
/** So many clients work at the same time, and for so long. */
const WORKERS = 100
const LONG_WORK_MS = 2500
/** Work that takes longer than this check: in µs, ns or a number of 32 or 64 bits it would be short. */
const ENDLESS = [
  ...['2147484', '4294968', '2147483648', '4294967296', '4294967297', '9223372036855'],
  ...['18446744073710', '999999999999999'],
]

/** Work that takes a moment, so that requests differ. */
const DIALOGUE = exactDialogue(
  n => Buffer.from(`work ${n % 10}\n`),
  n => Buffer.from(`done ${n % 10}\n`),
)

const IDLE =
  'server.close() waits for all connections: those that have nothing to do are yours to end'

export default exercise({
  id: 'graceful-shutdown',
  title: 'A server that ends without losing anything',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. A client sends lines "work MS" and
LF, where MS is a whole number of 1 to 15 digits, without leading zeros; no other lines come. The server works for MS milliseconds (it just waits), and then answers "done MS" and LF. The
requests of one connection are worked on one after the other, in their order, however many come at once; different connections do not wait for each
other, whatever MS is. A client may be silent for as long as it likes. When a client sends its FIN, it still gets the answers to all its requests, and then the server's FIN.
SIGTERM starts the shutdown. The server stops listening first: from then on nobody can connect. A connection on which no
request is being worked on gets a FIN at once, even when half a line has come. On any other connection the work that was
begun is finished and answered, and then it gets a FIN. No request is begun any more, whether it came before the signal or
after it; the connection is not reset because of it. Work of a client that has sent its FIN is finished and answered as well.
A connection that its client has reset is closed; its work may be dropped or finished.
When all connections are closed, by both sides, the process ends at once, with exit code 0. What is still open ${DEADLINE_MS} ms
after the signal is cut, whatever it does, and the process ends with exit code 1. A second SIGTERM changes nothing:
the deadline stays where it was.`,
  section: 'chapters/06-shutdown/README.md#serverclose-hangs',
  hints: [
    'server.close() stops listening at once, and calls back when the last connection has gone. Which of them go by themselves?',
    'Keep a Set of the open connections, and note for each whether it works. At the signal, end() those that do not; the others look at a flag when their work is done.',
    'Two details: the timer of the deadline must not keep the process alive when nothing is left to do, and process.once() takes only the first signal from the default, which is to die.',
  ],
  steps: [
    {
      title: 'answers each request when its work is done',
      async run(at) {
        const [endless, slow, talk] = [await at.connect(), await at.connect(), await at.connect()]
        endless.send('work 60000\n')
        const watch = at.stopwatch()
        slow.send('work 300\nwork 300\nwork 0\n')
        await talk.sendPieces(at.random.cut(Buffer.from('work 0\n'), 1))
        await talk.expect('done 0\n', { mistake: 'one client’s work holds up another client' })
        talk.send('work 20\nwork 10\nwork 0\n')
        talk.finish()
        await talk.expect('done 20\ndone 10\ndone 0\n', {
          endByte: 0x0a,
          mistake: 'requests of one connection are worked on side by side, or lost at the FIN',
        })
        await talk.expectEnd({ mistake: 'nobody calls end() when the client has ended' })
        await slow.expect('done 300\ndone 300\ndone 0\n')
        watch.atLeast(600, 400, {
          what: 'two requests `work 300` on one connection took less than 600 ms together',
          mistake: 'work for as long as the request says, and begin the next request only then',
        })
      },
    },
    {
      title: 'ends at once, with exit code 0, when its clients have gone, however they went',
      run: endsWithoutClients,
    },
    {
      title: 'ends idle connections, and then itself',
      async run(at) {
        const [silent, served, half] = [await at.connect(), await at.connect(), await at.connect()]
        served.send('work 0\n')
        half.send('work 0\nwor')
        for (const talk of [served, half]) await talk.expect('done 0\n')
        await exchange(at)
        const signalled = terminate(at)
        for (const talk of [silent, served, half]) {
          await fin(at, talk, IDLE)
          talk.finish()
        }
        await exits(at, signalled, 0)
      },
    },
    {
      title: 'accepts no further connections',
      async run(at) {
        const { busy, idle } = await company(at)
        const begun = await begins(at, busy, `work ${WORK_MS}\n`)
        const signalled = terminate(at)
        await fin(at, idle, IDLE)
        idle.finish()
        const taken = await takesConnection(at.subject.port)
        // A process that ends closes its sockets in any order: what it has not finished is told below.
        if (taken && !(await at.subject.until(() => !at.subject.running, 300))) {
          at.fail({
            what: 'it still takes connections while it finishes its work',
            mistake: 'server.close() comes first, and not when everything else is done',
          })
        }
        await finished(at, busy, begun)
        busy.finish()
        await exits(at, signalled, 0)
      },
    },
    {
      title: 'finishes the work that it has begun, and begins no more',
      run: finishesItsWork,
    },
    {
      title: 'ignores a second signal',
      async run(at) {
        const { busy, idle } = await company(at)
        const begun = await begins(at, busy, `work ${WORK_MS}\n`)
        const signalled = terminate(at)
        await fin(at, idle, IDLE)
        idle.finish()
        terminate(at)
        await finished(at, busy, begun, {
          mistake: 'process.once(): the second signal finds no listener, and kills',
        })
        busy.finish()
        await exits(at, signalled, 0)
      },
    },
    {
      title: 'keeps the deadline when work takes too long',
      alongside: true,
      async run(at) {
        const { busy, idle } = await company(at)
        await begins(at, busy, 'work 60000\n')
        const signalled = terminate(at)
        await fin(at, idle, IDLE)
        idle.finish()
        await exits(at, signalled, 1)
      },
    },
    {
      title:
        'keeps the deadline when a client goes on and does not close, even after a second signal',
      alongside: true,
      run: keepsTheDeadline,
    },
    {
      title: 'answers many requests that come at once',
      alongside: true,
      async run(at) {
        const talk = await at.connect()
        talk.send('work 0\n'.repeat(AT_ONCE))
        talk.finish()
        await talk.expect('done 0\n'.repeat(AT_ONCE), {
          bulk: true,
          mistake: 'any number of requests may wait: take them one by one, in a loop',
        })
        await talk.expectEnd()
      },
    },
    {
      title: 'makes no client wait for the work of another',
      alongside: true,
      run: worksSideBySide,
    },
    patienceStep(DIALOGUE, longWork),
  ],
})

/** Clients come and go in every way before the signal: none of them is there any more. */
async function endsWithoutClients(at: Examiner): Promise<void> {
  for (const sent of ['', 'wor', 'work 0\n', 'work 0\nwor', 'work 20\n', 'work 0\nwork 20\n']) {
    for (const leave of ['reset', 'close', 'finish'] as const) {
      const talk = await at.connect()
      if (sent !== '') talk.send(sent)
      // It knows of this client before that is gone.
      await survives(at, () => exchange(at))
      talk[leave]()
      if (leave === 'finish') talk.close()
    }
  }
  // Begun work is over by then, whether it was dropped or not.
  await at.pause(100)
  await survives(at, () => exchange(at))
  await exits(at, terminate(at), 0, {
    late: 'a client that has reset its connection still counts: the event `close` always comes, `end` does not',
  })
}

/** One client goes on after the signal, one has sent its FIN before it, and one has no work. */
async function finishesItsWork(at: Examiner): Promise<void> {
  const { busy, idle } = await company(at)
  const ended = await at.connect()
  const longer = 1.5 * WORK_MS
  const begunToo = await begins(at, ended, `work ${longer}\n`)
  ended.finish()
  const begun = await begins(at, busy, `work ${WORK_MS}\nwork 1\n`)
  const signalled = terminate(at)
  await fin(at, idle, IDLE)
  if (busy.unread > 0) {
    if (begun.read().leastMs < WORK_MS) at.inconclusive('a FIN took as long as work does')
    at.fail({
      what: 'an idle connection got its FIN only after the work of another one was done',
      mistake: IDLE,
    })
  }
  idle.finish()
  busy.send('work 60000\n')
  await finished(at, busy, begun)
  await fin(at, busy, 'after the signal a connection goes on to its next request')
  busy.finish()
  // All others are gone, and this one has only its answer to come.
  const mistake = 'a client that has sent its FIN still waits for its answer: count it until then'
  await finished(at, ended, begunToo, { ms: longer, mistake })
  await fin(at, ended, 'the FIN comes behind the last answer')
  await exits(at, signalled, 0)
}

/** It has its FIN, sends more requests, and does not close. */
async function keepsTheDeadline(at: Examiner): Promise<void> {
  const stubborn = await at.connect()
  stubborn.send('work 0\n')
  await stubborn.expect('done 0\n')
  await exchange(at)
  const signalled = terminate(at)
  await fin(at, stubborn, IDLE)
  const chatter = setInterval(() => stubborn.isGone || stubborn.send('work 0\n'), CHATTER_MS)
  try {
    await at.subject.until(() => !at.subject.running, AGAIN_MS)
    const again = terminate(at)
    await exits(at, signalled, 1, { again })
  } finally {
    clearInterval(chatter)
  }
}

async function worksSideBySide(at: Examiner): Promise<void> {
  const workers: Talk[] = []
  for (let n = 0; n < WORKERS; n++) {
    const talk = await at.connect()
    talk.send('work 0\n')
    await talk.expect('done 0\n')
    workers.push(talk)
  }
  const watch = at.stopwatch()
  for (const talk of workers) talk.send(`work ${LONG_WORK_MS}\n`)
  const mistake =
    'the work of one client occupies a thread, and there are too few threads for the others'
  const other = await at.connect()
  other.send('work 0\n')
  await other.expect('done 0\n', { mistake })
  if (workers.some(talk => talk.unread > 0)) {
    if (watch.read().leastMs < LONG_WORK_MS) {
      at.inconclusive('an exchange took as long as the work of another client')
    }
    at.fail({
      what: `a client whose work takes no time had its answer after another one that works for ${LONG_WORK_MS} ms`,
      mistake,
    })
  }
  for (const talk of workers) await talk.expect(`done ${LONG_WORK_MS}\n`, { mistake })
}

/** Begins work that takes long. */
async function longWork(at: Examiner): Promise<() => Promise<void>> {
  const working = (async (ms: number) => {
    const talk = await at.connect()
    const watch = at.stopwatch()
    talk.send(`work ${ms}\nwork 0\n`)
    await talk.expect(`done ${ms}\ndone 0\n`, { patienceMs: 2 * ms, endByte: 0x0a })
    watch.atLeast(ms, ms / 2, {
      what: `the answer to \`work ${ms}\` came too early`,
      mistake: 'MS may be any number, and the work has to last all of it',
    })
  })(15_800)
  const endless = await Promise.all(
    ENDLESS.map(async ms => {
      const talk = await at.connect()
      talk.send(`work ${ms}\n`)
      return { ms, talk }
    }),
  )
  // What fails while nobody waits for it is told at the end.
  working.catch(() => {})
  return async () => {
    for (const { ms, talk } of endless) {
      if (talk.unread === 0 && !talk.hasEnded) continue
      at.fail({
        what: `work of ${ms} ms was over within seconds`,
        sent: talk.sent,
        received: talk.peek(),
        mistake:
          'work has a limit, or the number is too large for what counts it: setTimeout() takes at most 2147483647 ms, and makes 1 ms of what is more',
      })
    }
    await working
  }
}
