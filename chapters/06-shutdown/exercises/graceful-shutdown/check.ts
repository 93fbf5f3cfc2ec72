import { type CheckContext, exercise } from '#lib/workshop/exercise.ts'
import { exactDialogue, silenceStep } from '#lib/workshop/many-clients.ts'
import { survivesResets } from '#lib/workshop/survives-resets.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'
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
      async run(check) {
        const [endless, slow, probe] = [
          await check.connect(),
          await check.connect(),
          await check.connect(),
        ]
        endless.send('work 60000\n')
        const watch = check.stopwatch()
        slow.send('work 300\nwork 300\nwork 0\n')
        await probe.sendPieces(check.random.cut(Buffer.from('work 0\n'), 1))
        await probe.expect('done 0\n', { likelyCause: 'one client’s work holds up another client' })
        probe.send('work 20\nwork 10\nwork 0\n')
        probe.sendFin()
        await probe.expect('done 20\ndone 10\ndone 0\n', {
          endByte: 0x0a,
          likelyCause: 'requests of one connection are worked on side by side, or lost at the FIN',
        })
        await probe.expectEnd({ likelyCause: 'nobody calls end() when the client has ended' })
        await slow.expect('done 300\ndone 300\ndone 0\n')
        watch.atLeast(600, 400, {
          what: 'two requests `work 300` on one connection took less than 600 ms together',
          likelyCause: 'work for as long as the request says, and begin the next request only then',
        })
      },
    },
    {
      title: 'ends at once, with exit code 0, when its clients have gone, however they went',
      run: endsWithoutClients,
    },
    {
      title: 'ends idle connections, and then itself',
      async run(check) {
        const [silent, served, half] = [
          await check.connect(),
          await check.connect(),
          await check.connect(),
        ]
        served.send('work 0\n')
        half.send('work 0\nwor')
        for (const probe of [served, half]) await probe.expect('done 0\n')
        await exchange(check)
        const signalled = terminate(check)
        for (const probe of [silent, served, half]) {
          await fin(check, probe, IDLE)
          probe.sendFin()
        }
        await exits(check, signalled, 0)
      },
    },
    {
      title: 'accepts no further connections',
      async run(check) {
        const { busy, idle } = await company(check)
        const begun = await begins(check, busy, `work ${WORK_MS}\n`)
        const signalled = terminate(check)
        await fin(check, idle, IDLE)
        idle.sendFin()
        const taken = await takesConnection(check.program.port)
        // A process that ends closes its sockets in any order: what it has not finished is told below.
        if (taken && !(await check.program.waitFor(() => !check.program.isRunning, 300))) {
          check.fail({
            what: 'it still takes connections while it finishes its work',
            likelyCause: 'server.close() comes first, and not when everything else is done',
          })
        }
        await finished(check, busy, begun)
        busy.sendFin()
        await exits(check, signalled, 0)
      },
    },
    {
      title: 'finishes the work that it has begun, and begins no more',
      run: finishesItsWork,
    },
    {
      title: 'ignores a second signal',
      async run(check) {
        const { busy, idle } = await company(check)
        const begun = await begins(check, busy, `work ${WORK_MS}\n`)
        const signalled = terminate(check)
        await fin(check, idle, IDLE)
        idle.sendFin()
        terminate(check)
        await finished(check, busy, begun, {
          likelyCause: 'process.once(): the second signal finds no listener, and kills',
        })
        busy.sendFin()
        await exits(check, signalled, 0)
      },
    },
    {
      title: 'keeps the deadline when work takes too long',
      alongside: true,
      async run(check) {
        const { busy, idle } = await company(check)
        await begins(check, busy, 'work 60000\n')
        const signalled = terminate(check)
        await fin(check, idle, IDLE)
        idle.sendFin()
        await exits(check, signalled, 1)
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
      async run(check) {
        const probe = await check.connect()
        probe.send('work 0\n'.repeat(AT_ONCE))
        probe.sendFin()
        await probe.expect('done 0\n'.repeat(AT_ONCE), {
          bulk: true,
          likelyCause: 'any number of requests may wait: take them one by one, in a loop',
        })
        await probe.expectEnd()
      },
    },
    {
      title: 'makes no client wait for the work of another',
      alongside: true,
      run: worksSideBySide,
    },
    silenceStep(DIALOGUE, longWork),
  ],
})

/** Clients come and go in every way before the signal: none of them is there any more. */
async function endsWithoutClients(check: CheckContext): Promise<void> {
  for (const sent of ['', 'wor', 'work 0\n', 'work 0\nwor', 'work 20\n', 'work 0\nwork 20\n']) {
    for (const leave of ['reset', 'close', 'sendFin'] as const) {
      const probe = await check.connect()
      if (sent !== '') probe.send(sent)
      // It knows of this client before that is gone.
      await survivesResets(check, () => exchange(check))
      probe[leave]()
      if (leave === 'sendFin') probe.close()
    }
  }
  // Begun work is over by then, whether it was dropped or not.
  await check.pause(100)
  await survivesResets(check, () => exchange(check))
  await exits(check, terminate(check), 0, {
    late: 'a client that has reset its connection still counts: the event `close` always comes, `end` does not',
  })
}

/** One client goes on after the signal, one has sent its FIN before it, and one has no work. */
async function finishesItsWork(check: CheckContext): Promise<void> {
  const { busy, idle } = await company(check)
  const ended = await check.connect()
  const longer = 1.5 * WORK_MS
  const begunToo = await begins(check, ended, `work ${longer}\n`)
  ended.sendFin()
  const begun = await begins(check, busy, `work ${WORK_MS}\nwork 1\n`)
  const signalled = terminate(check)
  await fin(check, idle, IDLE)
  if (busy.unreadBytes > 0) {
    if (begun.read().leastMs < WORK_MS) check.inconclusive('a FIN took as long as work does')
    check.fail({
      what: 'an idle connection got its FIN only after the work of another one was done',
      likelyCause: IDLE,
    })
  }
  idle.sendFin()
  busy.send('work 60000\n')
  await finished(check, busy, begun)
  await fin(check, busy, 'after the signal a connection goes on to its next request')
  if (ended.unreadBytes > 0) check.inconclusive('work that is longer by half was done first')
  busy.sendFin()
  // All others are gone, and this one has only its answer to come.
  const likelyCause =
    'a client that has sent its FIN still waits for its answer: count it until then'
  await finished(check, ended, begunToo, { ms: longer, likelyCause })
  await fin(check, ended, 'the FIN comes behind the last answer')
  await exits(check, signalled, 0)
}

/** It has its FIN, sends more requests, and does not close. */
async function keepsTheDeadline(check: CheckContext): Promise<void> {
  const stubborn = await check.connect()
  stubborn.send('work 0\n')
  await stubborn.expect('done 0\n')
  await exchange(check)
  const signalled = terminate(check)
  await fin(check, stubborn, IDLE)
  const chatter = setInterval(() => stubborn.isClosed || stubborn.send('work 0\n'), CHATTER_MS)
  try {
    await check.program.waitFor(() => !check.program.isRunning, AGAIN_MS)
    const again = terminate(check)
    await exits(check, signalled, 1, { again })
  } finally {
    clearInterval(chatter)
  }
}

async function worksSideBySide(check: CheckContext): Promise<void> {
  const workers: TcpProbe[] = []
  for (let n = 0; n < WORKERS; n++) {
    const probe = await check.connect()
    probe.send('work 0\n')
    await probe.expect('done 0\n')
    workers.push(probe)
  }
  const watch = check.stopwatch()
  for (const probe of workers) probe.send(`work ${LONG_WORK_MS}\n`)
  const likelyCause =
    'the work of one client occupies a thread, and there are too few threads for the others'
  const other = await check.connect()
  other.send('work 0\n')
  await other.expect('done 0\n', { likelyCause })
  if (workers.some(probe => probe.unreadBytes > 0)) {
    if (watch.read().leastMs < LONG_WORK_MS) {
      check.inconclusive('an exchange took as long as the work of another client')
    }
    check.fail({
      what: `a client whose work takes no time had its answer after another one that works for ${LONG_WORK_MS} ms`,
      likelyCause,
    })
  }
  for (const probe of workers) await probe.expect(`done ${LONG_WORK_MS}\n`, { likelyCause })
}

/** Begins work that takes long. */
async function longWork(check: CheckContext): Promise<() => Promise<void>> {
  const working = (async (ms: number) => {
    const probe = await check.connect()
    const watch = check.stopwatch()
    probe.send(`work ${ms}\nwork 0\n`)
    await probe.expect(`done ${ms}\ndone 0\n`, { patienceMs: 2 * ms, endByte: 0x0a })
    watch.atLeast(ms, ms / 2, {
      what: `the answer to \`work ${ms}\` came too early`,
      likelyCause: 'MS may be any number, and the work has to last all of it',
    })
  })(15_800)
  const endless = await Promise.all(
    ENDLESS.map(async ms => {
      const probe = await check.connect()
      probe.send(`work ${ms}\n`)
      return { ms, probe }
    }),
  )
  // What fails while nobody waits for it is told at the end.
  working.catch(() => {})
  return async () => {
    for (const { ms, probe } of endless) {
      if (probe.unreadBytes === 0 && !probe.hasEnded) continue
      check.fail({
        what: `work of ${ms} ms was over within seconds`,
        sent: probe.sent,
        received: probe.peek(),
        likelyCause:
          'work has a limit, or the number is too large for what counts it: setTimeout() takes at most 2147483647 ms, and makes 1 ms of what is more',
      })
    }
    await working
  }
}
