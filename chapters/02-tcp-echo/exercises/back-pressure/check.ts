import { COMMANDS } from '#lib/workshop/commands.ts'
import { type Examiner, exercise } from '#lib/workshop/exercise.ts'
import { Failed } from '#lib/workshop/failed.ts'
import { heldInMemory, staysHeldBack } from '#lib/workshop/held-back.ts'
import { staySilent } from '#lib/workshop/silence.ts'
import { goneBeforeAccept, survives } from '#lib/workshop/survives.ts'
import { type Talk, WAKING_MS } from '#lib/workshop/talk.ts'

/** How long a slow server may take over what twenty clients have sent before it serves another. */
const BUSY_MS = 40_000
// No multiple of a page or of a buffer: what is lost is seen at once.
const BLOCK_BYTES = 65_537
/** More than fits into the buffers of both kernels, as Linux has them by default. */
const MUCH = 256
/** More than these buffers and the memory of the server may hold together. */
const MORE = 800
/** More than fits into buffers that were made large: only memory of the program holds it. */
const TOO_MUCH = 1536
/** So much of a client that does not read a server may keep in its memory. */
const MAX_HELD_BYTES = 16 * 2 ** 20
/** So long nothing must move until we ask whether it has stopped. */
const QUIET_MS = 1000

/** More clients that sleep at once than a pool of buffers, or a sum of memory, has room for. */
const SLEEPERS = 20
/** So often a client falls asleep before it reads to the end. */
const NAPS = 3

/** So often it may go on by itself: TCP fills the last of a window in a few steps, each later. */
const MOVES = 5

const LEFT_OVER = 'what was kept for a client that has reset was sent to the next one'
const NEVER_RESUMES = 'pause() is called, and resume() is not called again in the drain event'

export default exercise({
  id: 'back-pressure',
  title: 'An echo under back-pressure',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. It sends every byte back
to the client that sent it, in the same order. While a client does not read, the server soon stops reading from it:
a client that goes on sending and reads nothing finds that its bytes are no longer taken. The buffers of the kernels hold some of that, the memory of the server nearly nothing: 16 MiB are too much. The
server keeps the connection open for as long as that takes, and serves the other clients meanwhile, however many of them sleep.
When the client reads, everything comes back, and it may fall asleep again. When a client sends its FIN, the server sends back what is still to be sent, and then ends the connection
too. Clients that reset their connection do the others no harm, nor the client that comes next.`,
  section: 'chapters/02-tcp-echo/README.md#what-write-tells-you',
  hints: [
    'write() takes whatever you give it. What does it return, and what does that mean?',
    'A socket that you do not read fills up its buffers, and then TCP holds the sender back. pause() stops reading. Which event says that it is time for resume()?',
    'pipe() and pipeline() do all that for you, but errors are still yours. By hand: if write() returns false, pause(); on drain, resume(): always of the same client.',
  ],
  steps: [
    {
      title: 'sends back what a client has sent',
      async run(at) {
        const talk = await at.connect()
        const bytes = at.random.bytes(300)
        for (const part of [bytes.subarray(0, 100), bytes.subarray(100), ...COMMANDS]) {
          talk.send(part)
          await talk.expect(part, { mistake: 'whatever comes goes back, as it comes' })
        }
      },
    },
    {
      title: 'serves the other clients while many do not read',
      run: servesBesideSleepers,
    },
    {
      title: 'stops taking bytes from a client that does not read',
      async run(at) {
        const [sleeper, other] = [await at.connect({ reading: false }), await at.connect()]
        const block = at.random.bytes(BLOCK_BYTES)
        let sent = 0
        for (let moves = 0; moves < MOVES; moves++) {
          sent += await untilHeldBack(at, sleeper, other, block, TOO_MUCH - sent)
          staysOpen(at, sleeper)
          if (sent === TOO_MUCH && sleeper.waiting === 0) break
          if (await staysHeldBack(sleeper)) {
            keepsLittle(at, sleeper)
            return
          }
        }
        if (sent < TOO_MUCH) {
          at.fail({
            what: 'it stopped, and then went on to take bytes, again and again; nothing was read',
            mistake:
              'to wait for some time is no back-pressure: wait until `drain` says that somebody reads',
          })
        }
        at.fail({
          what: `the server has taken ${(TOO_MUCH * BLOCK_BYTES) >> 20} MiB from a client that reads nothing`,
          mistake:
            'write() returned false, and it read on: from there on all bytes pile up in its memory',
        })
      },
    },
    {
      title: 'sends everything back to a client that reads late, and falls asleep again',
      async run(at) {
        const { talk, block, sent } = await fallAsleep(at)
        let came = 0
        let all = sent
        for (let naps = 1; naps < NAPS; naps++) {
          // Half of it: the server has room again, and the client sends more.
          const half = Math.floor((all - came) / 2)
          talk.read()
          await comesBack(at, talk, block, half)
          talk.sleep()
          came += half
          const other = await at.connect()
          all += await untilHeldBack(at, talk, other, block, MORE)
          staysOpen(at, talk)
          keepsLittle(at, talk)
        }
        talk.finish()
        talk.read()
        await comesBack(at, talk, block, all - came)
        await talk.expectEnd({
          bulk: true,
          mistake: 'nobody calls end() when the client has ended',
        })
      },
    },
    {
      title: 'survives clients that fall asleep and reset',
      async run(at) {
        const [kept, ...leavers] = await Promise.all([1, 2, 3].map(() => fallAsleep(at)))
        // These have sent only a part.
        for (const times of [16, 16]) leavers.push(await fallAsleep(at, times))
        for (const { talk } of leavers) talk.reset()
        const mistake =
          'a socket without an error listener, as pipe() leaves it: one reset ends the server'
        const goesOn = async () => {
          await goneBeforeAccept(at)
          await servesOn(at)
          // One that slept beside them is not forgotten.
          await wakes(at, kept!)
        }
        await survives(at, goesOn, mistake)
      },
    },
    {
      title: 'keeps clients connected that do not read for long, and serves the others meanwhile',
      alongside: true,
      run: keepsSleepers,
    },
  ],
})

/** A client that sends the same block again and again, and reads nothing. */
interface Sleeper {
  talk: Talk
  block: Buffer
  /** How many blocks are on their way. */
  sent: number
}

async function fallAsleep(at: Examiner, times = MUCH): Promise<Sleeper> {
  const [talk, other] = [await at.connect({ reading: false }), await at.connect()]
  const block = at.random.bytes(BLOCK_BYTES)
  const sent = await untilHeldBack(at, talk, other, block, times)
  staysOpen(at, talk)
  return { talk, block, sent }
}

/** It sends its FIN, if it has not, and reads everything. */
async function wakes(at: Examiner, { talk, block, sent }: Sleeper): Promise<void> {
  staysOpen(at, talk)
  talk.finish()
  talk.read()
  await comesBack(at, talk, block, sent)
  await talk.expectEnd({ bulk: true, mistake: 'nobody calls end() when the client has ended' })
}

async function servesBesideSleepers(at: Examiner): Promise<void> {
  const before = await at.connect()
  const sleepers = await Promise.all(Array.from({ length: SLEEPERS }, () => fallAsleep(at)))
  const after = await at.connect()
  for (const talk of [before, after]) {
    await isServed(at, talk, at.random.bytes(at.random.between(50_000, 100_000)))
  }
  for (const { talk } of sleepers) {
    staysOpen(at, talk)
    keepsLittle(at, talk)
  }
  // Its end is heard by a server that does not read: the answers still come.
  for (const { talk } of sleepers.slice(0, 3)) talk.finish()
  for (const talk of [before, after]) await isServed(at, talk)
  for (const sleeper of sleepers) await wakes(at, sleeper)
}

async function keepsSleepers(at: Examiner): Promise<void> {
  const [dumb, active] = [await at.connect(), await at.connect()]
  const [open, ended] = (await Promise.all([1, 2].map(() => fallAsleep(at)))) as [Sleeper, Sleeper]
  ended.talk.finish()
  const clients = [
    { where: 'before its first byte', talk: dumb, goOn: () => isServed(at, dumb) },
    { where: 'and read nothing', talk: open.talk, goOn: () => wakes(at, open) },
    { where: 'and read nothing, behind its FIN', talk: ended.talk, goOn: () => wakes(at, ended) },
  ]
  await staySilent(at, clients, () => isServed(at, active))
}

/** Sends blocks until no more are taken, so many at most. Returns how many are on their way. */
async function untilHeldBack(
  at: Examiner,
  sleeper: Talk,
  other: Talk,
  block: Buffer,
  times: number,
): Promise<number> {
  let taken = 0
  while (taken < times && !sleeper.isGone) {
    taken += await sleeper.pour(block, times - taken, QUIET_MS)
    // Has it stopped, or is it slow? When it has answered another client, it had the time.
    await isServed(at, other)
    if (taken === times) break
    // One block more than was taken is on its way.
    if (sleeper.waiting > 0) return taken + 1
    taken++
  }
  return taken
}

async function isServed(
  at: Examiner,
  other: Talk,
  bytes: Uint8Array = Buffer.from('a word'),
): Promise<void> {
  other.send(bytes)
  try {
    await other.expect(bytes, { patienceMs: BUSY_MS })
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    const { subject } = at
    if (await subject.until(() => !subject.running, 1000)) {
      at.fail({ what: `while one client did not read, ${subject.fate()}` })
    }
    at.fail({
      what: `while one client did not read, another one got no answer (${at.subject.condition()})`,
      mistake: 'it waits for the client that sleeps; only that one is to be paused',
    })
  }
}

/** What is neither in the kernels nor with us is in the memory of the server. */
function keepsLittle(at: Examiner, sleeper: Talk): void {
  if ((heldInMemory(sleeper) ?? 0) <= MAX_HELD_BYTES) return
  at.fail({
    what: 'the server stopped at last, but it keeps more than 16 MiB for a client that reads nothing',
    mistake:
      'a queue of its own is large, or it waits only once: pause whenever write() returns false',
  })
}

function staysOpen(at: Examiner, talk: Talk): void {
  if (!talk.isGone) return
  at.fail({
    what: 'the server broke the connection of a client that did not read',
    mistake: 'a client that sleeps is to be held back, not thrown out: pause it until drain',
  })
}

/** So many blocks must come back. */
async function comesBack(at: Examiner, talk: Talk, block: Buffer, times: number): Promise<void> {
  try {
    await talk.expect(Buffer.alloc(times * block.length, block), {
      bulk: true,
      silence: NEVER_RESUMES,
      patienceMs: WAKING_MS,
    })
  } catch (error) {
    if (!(error instanceof Failed) || error.failure.mistake === NEVER_RESUMES) throw error
    // Whether it ends too early, or something else follows, is a matter of chance.
    const { offset = 0 } = error.failure
    at.fail({
      what: `bytes are missing: only the first ${offset} of ${times * block.length} bytes came back as they should`,
      offset,
      mistake:
        'when write() returns false, the bytes are taken all the same; what comes then must not be thrown away, nor, elsewhere, the part that send() has not taken',
    })
  }
}

/** One after the other: the last of them comes when the resets have been looked at. */
async function servesOn(at: Examiner): Promise<void> {
  for (let n = 0; n < 10; n++) {
    const talk = await at.connect()
    talk.send('still there?')
    await talk.expect('still there?')
    talk.finish()
    await talk.expectEnd({ tooMuch: LEFT_OVER })
  }
}
