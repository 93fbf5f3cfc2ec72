import { once } from 'node:events'
import { connect } from 'node:net'
import { type Examiner, exercise } from '../../../../lib/workshop/exercise.ts'
import { exactDialogue, patienceStep } from '../../../../lib/workshop/many-clients.ts'
import type { Stopwatch } from '../../../../lib/workshop/stopwatch.ts'
import type { Talk } from '../../../../lib/workshop/talk.ts'

/** What the protocol promises, in milliseconds. */
const DEADLINE_MS = 3000
/** After the deadline: for what a program does when it ends. */
const GRACE_MS = 1200
/** A second signal comes so long after the first: a deadline that starts anew is late by that. */
const AGAIN_MS = 2000
/** Work that is begun at the signal, and is done long before the deadline. */
const WORK_MS = 1000

/** Work that takes a moment, so that requests differ. */
const DIALOGUE = exactDialogue(
  n => Buffer.from(`work ${n % 10}\n`),
  n => Buffer.from(`done ${n % 10}\n`),
)

const SIGTERM_ENDS =
  'without a listener the signal ends the process, in the middle of whatever it does'
const IDLE =
  'server.close() waits for all connections: those that have nothing to do are yours to end'

export default exercise({
  id: 'graceful-shutdown',
  title: 'A server that ends without losing anything',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. A client sends lines "work MS" and
LF, where MS is a whole number. The server works for MS milliseconds (it just waits), and then answers "done MS" and LF. The
requests of one connection are worked on one after the other, in their order; different connections do not wait for each
other, whatever MS is. A client may be silent for as long as it likes. When a client sends its FIN, it still gets the answers to all its requests, and then the server's FIN.
SIGTERM starts the shutdown. The server stops listening first: from then on nobody can connect. A connection on which no
request is being worked on gets a FIN at once, even when half a line has come. On any other connection the work that was
begun is finished and answered, and then it gets a FIN. No request is begun any more, whether it came before the signal or
after it; the connection is not reset because of it.
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
      title: 'ends at once, with exit code 0, when no client is connected',
      async run(at) {
        await exchange(at)
        const signalled = terminate(at)
        await exits(at, signalled, 0)
      },
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
        await begins(at, busy, `work ${WORK_MS}\n`)
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
        await finished(at, busy)
        busy.finish()
        await exits(at, signalled, 0)
      },
    },
    {
      title: 'finishes the work that it has begun, and begins no more',
      async run(at) {
        const { busy, idle } = await company(at)
        await begins(at, busy, `work ${WORK_MS}\nwork 1\n`)
        const signalled = terminate(at)
        await fin(at, idle, IDLE)
        idle.finish()
        busy.send('work 60000\n')
        await finished(at, busy)
        await fin(at, busy, 'after the signal a connection goes on to its next request')
        busy.finish()
        await exits(at, signalled, 0)
      },
    },
    {
      title: 'ignores a second signal',
      async run(at) {
        const { busy, idle } = await company(at)
        await begins(at, busy, `work ${WORK_MS}\n`)
        const signalled = terminate(at)
        await fin(at, idle, IDLE)
        idle.finish()
        terminate(at)
        await finished(at, busy, 'process.once(): the second signal finds no listener, and kills')
        busy.finish()
        await exits(at, signalled, 0)
      },
    },
    {
      title: 'keeps the deadline when work takes too long',
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
      title: 'keeps the deadline when a client does not close, even after a second signal',
      async run(at) {
        const stubborn = await at.connect()
        stubborn.send('work 0\n')
        await stubborn.expect('done 0\n')
        await exchange(at)
        const signalled = terminate(at)
        // It has its FIN, and does not answer it.
        await fin(at, stubborn, IDLE)
        await at.subject.until(() => !at.subject.running, AGAIN_MS)
        const again = terminate(at)
        await exits(at, signalled, 1, again)
      },
    },
    patienceStep(DIALOGUE, longWork),
  ],
})

/** Sends SIGTERM. The time that is returned runs from there. */
function terminate(at: Examiner): Stopwatch {
  if (!at.subject.isOurs) {
    at.fail({
      what: 'this check has not started the program, and so it cannot send it a signal; give --command instead of --port',
    })
  }
  const signalled = at.stopwatch()
  at.subject.signal('SIGTERM')
  return signalled
}

/** Two connections that the server knows of. */
async function company(at: Examiner): Promise<{ busy: Talk; idle: Talk }> {
  const [busy, idle] = [await at.connect(), await at.connect()]
  for (const talk of [busy, idle]) {
    talk.send('work 0\n')
    await talk.expect('done 0\n')
  }
  return { busy, idle }
}

/** Gives work to the server, and returns when it works on it. */
async function begins(at: Examiner, talk: Talk, work: string): Promise<void> {
  // In one piece with a request that is answered: the work has come by then, and is its next one.
  talk.send(`work 0\n${work}`)
  await talk.expect('done 0\n')
  // And while it serves somebody else it has the time for that.
  await exchange(at)
}

/** A whole exchange on a connection of its own. */
async function exchange(at: Examiner): Promise<void> {
  const talk = await at.connect()
  talk.send('work 0\n')
  talk.finish()
  await talk.expect('done 0\n')
  await talk.expectEnd()
}

/** Waits for the server's FIN. */
async function fin(at: Examiner, talk: Talk, mistake: string): Promise<void> {
  await unlessEnded(at, () => talk.expectEnd({ mistake }))
}

/** Waits for the answer to the work that was begun. */
async function finished(at: Examiner, talk: Talk, mistake?: string): Promise<void> {
  await unlessEnded(at, () => talk.expect(`done ${WORK_MS}\n`), mistake)
}

/** Tells a program that has ended too early from one that does something else wrong. */
async function unlessEnded(
  at: Examiner,
  run: () => Promise<void>,
  mistake?: string,
): Promise<void> {
  const { subject } = at
  try {
    await run()
  } catch (error) {
    if (!(await subject.until(() => !subject.running, 500))) throw error
    at.fail({
      what: `${subject.fate()}, with work that it had begun`,
      mistake:
        mistake ??
        (subject.exitCode === null
          ? SIGTERM_ENDS
          : 'process.exit() ends the process in the middle of whatever it does'),
    })
  }
}

/** Waits until the program has ended: at once, or at the deadline. */
async function exits(
  at: Examiner,
  signalled: Stopwatch,
  code: 0 | 1,
  again?: Stopwatch,
): Promise<void> {
  const { subject } = at
  const ended = (ms: number) => subject.until(() => !subject.running, ms)
  const limitMs = DEADLINE_MS + GRACE_MS
  const limit = `${limitMs / 1000} s after the`
  const anew = {
    what: `${limit} first signal the program still ran: it ended ${DEADLINE_MS / 1000} s after the second one`,
    mistake: 'the second signal starts the deadline anew: only the first one counts',
  }
  if (!(await signalled.happens(limitMs, ended))) {
    if (await again?.happens(limitMs, ended)) at.fail(anew)
    const mistake =
      code === 0
        ? 'something keeps the process alive: a connection that nobody ends, or a timer'
        : `nothing cuts what is still open ${DEADLINE_MS} ms after the signal: end() and close() wait for the other side, destroy() does not`
    at.fail({ what: `${limit} signal the program still runs`, mistake })
  }
  if (code === 1) {
    signalled.atLeast(DEADLINE_MS, DEADLINE_MS / 2, {
      what: `the program ended before the deadline of ${DEADLINE_MS} ms: ${subject.fate()}`,
      mistake: 'a connection counts as closed only when both sides have closed it',
    })
    // One that was late, on a machine that explains it, has not shown that it keeps the deadline.
    const late = { what: `the program ended later than ${limitMs / 1000} s after the signal` }
    signalled.atMost(limitMs, again ? anew : late)
  } else {
    signalled.atMost(DEADLINE_MS - GRACE_MS / 2, {
      what: 'there was nothing left to do, and the program ended only at the deadline',
      mistake: 'the timer of the deadline keeps the process alive: unref() it, or clear it',
    })
  }
  if (subject.exitCode === code) return
  at.fail({
    what: `the exit code should be ${code}: ${subject.fate()}`,
    mistake: code === 0 ? SIGTERM_ENDS : 'what was cut at the deadline is not done: that is no 0',
  })
}

async function takesConnection(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
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
  })(12_500)
  // What fails while nobody waits for it is told at the end.
  working.catch(() => {})
  return () => working
}
