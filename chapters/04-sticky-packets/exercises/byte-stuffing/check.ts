import { keepsMemoryBounded } from '#lib/workshop/bounded-memory.ts'
import { exercise } from '#lib/workshop/exercise.ts'
import {
  crowdStep,
  leaveAnswersUnread,
  silenceStep,
  slowReaderStep,
} from '#lib/workshop/many-clients.ts'
import { survivesResets } from '#lib/workshop/survives-resets.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'
import { DIALOGUE, END, ESC, frame, LIMIT, LONG_DIALOGUE, payloadsIn } from './frames.ts'

/** One chunk holds more frames than a stack holds calls, and than 16 bits count. */
const MANY = 140_000

/** Waits for the answers to frames with these payloads. */
const answers = (
  probe: TcpProbe,
  payloads: readonly (string | Uint8Array)[],
  likelyCause?: string,
) =>
  probe.expect(Buffer.concat(payloads.map(one => frame(Buffer.from(one).reverse()))), {
    likelyCause,
    endByte: END,
  })

/** Payloads that need escapes, and what is often wrong with them. */
const ESCAPES: readonly [payload: Uint8Array, likelyCause: string][] = [
  [
    Buffer.from([0x61, END, 0x62]),
    'c0 in a payload is db dc on the wire, in both directions: escape it after it is turned round',
  ],
  [Buffer.from([0x61, ESC, 0x62]), 'db itself must be escaped too: db dd'],
  [
    Buffer.from([0x61, ESC, 0xdc]),
    'with two replacements, one changes what the other has made: go byte by byte, once',
  ],
  [Buffer.from([ESC, 0xdd, END, 0xdc]), 'dc and dd mean something behind db only'],
  [Buffer.from([END, END, ESC, ESC]), 'each c0 and each db is escaped, not only the first one'],
]

export default exercise({
  id: 'byte-stuffing',
  title: 'A mirror for SLIP frames',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. Both directions carry SLIP frames
(RFC 1055): a payload of 1 to 1024 bytes of any value, then END (byte c0). In the payload c0 is sent as the two bytes
db dc, and db as db dd; each other byte stands for itself. The server answers each frame, in order and as soon as its
END has come, with a frame that has the same payload in reverse order, escaped anew; it sends one END behind it, and
none before. Two ENDs in a row have an empty frame between them, which gets no answer; so a client may send END before
a frame too. A frame is damaged when ESC (db) stands before another byte than dc and dd, also before the END of the
frame: that END ends it too, so 61 db c0 62 c0 has the answer 62 c0 alone. A damaged frame, and one with more than 1024 bytes of payload (escapes taken out), gets no answer and is not
kept; the next END ends it, as it ends any frame, and the connection goes on. After the client's FIN the server sends
the remaining answers, however slowly the client reads, and ends the connection; a frame without END gets no answer.
A client may be silent for as long as it likes, also in the middle of a frame, and may send any number of frames. The server
serves hundreds of clients at once; none of them waits because another one is silent, stops in the middle of a frame, or
does not read its answers. Meanwhile it may stop reading from such a client, or keep its answers in memory.`,
  section: 'chapters/04-sticky-packets/README.md#a-mark-and-an-escape-for-the-mark',
  hints: [
    'Go through the bytes one by one, and keep three things for each client from one chunk to the next: the payload so far, whether the last byte was ESC, and whether this frame is lost.',
    'Look for END before anything else: it ends a frame in every state. Then comes what stands behind ESC, then ESC, then all other bytes.',
    'Escape in one pass as well, on the payload that is turned round already. A lost frame is skipped: nothing is kept of it until END.',
  ],
  steps: [
    {
      title: 'answers a frame with its payload in reverse order',
      async run(check) {
        const probe = await check.connect()
        for (const payload of ['stressed', 'a']) {
          probe.send(frame(payload))
          await answers(
            probe,
            [payload],
            'an answer is the payload in reverse, then one END (c0), and none before',
          )
        }
      },
    },
    {
      title: 'answers each of several frames that come in one segment',
      async run(check) {
        const probe = await check.connect()
        const payloads = ['one', 'two', 'and three']
        probe.send(Buffer.concat(payloads.map(frame)))
        await answers(
          probe,
          payloads,
          'one data event is taken for one frame; a chunk may hold many of them',
        )
      },
    },
    {
      title: 'gives no answer to empty frames',
      async run(check) {
        const probe = await check.connect()
        const ends = Buffer.from([END, END])
        probe.send(Buffer.concat([ends, frame('ab'), ends, frame('cd')]))
        await answers(
          probe,
          ['ab', 'cd'],
          'two ENDs in a row are no frame: many senders begin with one',
        )
      },
    },
    {
      title: 'removes the escapes on the way in, and adds them on the way out',
      async run(check) {
        for (const [payload, likelyCause] of ESCAPES) {
          const probe = await check.connect()
          probe.send(frame(payload))
          await answers(probe, [payload], likelyCause)
        }
      },
    },
    {
      title: 'reassembles a frame that is cut in two, even inside an escape',
      async run(check) {
        const payload = Buffer.from([0x61, END, 0x62, ESC, 0x63])
        const whole = frame(payload)
        for (let cut = 1; cut < whole.length; cut++) {
          const probe = await check.connect()
          // The first answer tells that the start of the second frame has been read too.
          probe.send(Buffer.concat([frame('ab'), whole.subarray(0, cut)]))
          await answers(probe, ['ab'], 'the start of another frame came along, and must wait')
          probe.send(whole.subarray(cut))
          await answers(
            probe,
            [payload],
            whole[cut - 1] === ESC
              ? 'a chunk may end behind ESC: that must be known when the next one comes'
              : 'what has come of a frame without END must be kept for the next chunk',
          )
        }
      },
    },
    {
      title: 'accepts all 256 values of a byte, one at a time',
      async run(check) {
        const probe = await check.connect()
        const all = Uint8Array.from({ length: 256 }, (_, value) => value)
        await probe.sendPieces(check.random.cut(frame(all), 1))
        await answers(probe, [all], 'bytes were made into text and back: most do not survive that')
      },
    },
    {
      title: 'keeps two clients apart when both are inside a frame',
      async run(check) {
        const [ann, ben] = [await check.connect(), await check.connect()]
        const likelyCause = 'both clients share what has been kept: each connection needs its own'
        ann.send(Buffer.concat([frame('me'), Buffer.from([0x70, ESC])]))
        await answers(ann, ['me'], likelyCause)
        ben.send(Buffer.concat([frame('me'), Buffer.from('rew')]))
        await answers(ben, ['me'], likelyCause)
        ann.send(Buffer.from([0xdc, END]))
        await answers(ann, [Buffer.from([0x70, END])], likelyCause)
        ben.send(frame('ard'))
        await answers(ben, ['reward'], likelyCause)
      },
    },
    {
      title: 'drops a damaged frame, and is back in step at the next END',
      async run(check) {
        for (const [damaged, likelyCause] of [
          [
            '61db6263c0',
            'behind ESC only dc and dd are right: a frame with anything else is dropped',
          ],
          [
            '61db62db62dc63c0',
            'one damage is enough: what follows in this frame is dropped with it',
          ],
          ['61dbc0', 'END ends a frame behind ESC too: it is never a part of an escape'],
          ['61dbdbdcc0', 'ESC behind ESC is a damage, not the start of another escape'],
        ] as const) {
          const probe = await check.connect()
          probe.send(Buffer.concat([Buffer.from(damaged, 'hex'), frame('ok'), frame('on')]))
          await answers(probe, ['ok', 'on'], likelyCause)
        }
      },
    },
    {
      title: 'accepts payloads of up to 1024 bytes, drops longer ones, and goes on',
      async run(check) {
        const longest = Buffer.alloc(LIMIT, END)
        const first = await check.connect()
        first.send(frame(longest))
        await answers(
          first,
          [longest],
          'the limit is for the payload: escapes are taken out before',
        )
        const second = await check.connect()
        second.send(Buffer.concat([frame('x'.repeat(LIMIT + 1)), frame('ok')]))
        const likelyCause =
          'a frame that is too long is dropped, and only that one: END is found again'
        await answers(second, ['ok'], likelyCause)
        const third = await check.connect()
        third.send(Buffer.concat([frame(Buffer.alloc(500_000, 'long')), frame('ok')]))
        await answers(third, ['ok'], likelyCause)
      },
    },
    {
      title: 'answers 500 frames of random bytes, cut at random',
      async run(check) {
        const probe = await check.connect()
        const odd = [END, ESC, 0xdc, 0xdd]
        const payloads = Array.from({ length: 500 }, () =>
          Buffer.from(
            Array.from({ length: check.random.between(1, 60) }, () =>
              check.random.below(2) ? check.random.of(odd) : check.random.below(256),
            ),
          ),
        )
        await probe.sendPieces(check.random.cut(Buffer.concat(payloads.map(frame)), 200))
        const expected = payloads.map(payload => frame(payload.toReversed()))
        await probe.expect(Buffer.concat(expected), { bulk: true })
      },
    },
    {
      title: 'answers all whole frames after the client’s FIN, and then ends too',
      async run(check) {
        const probe = await check.connect()
        probe.send(Buffer.concat([frame('live'), frame('on'), Buffer.from('never complete')]))
        probe.sendFin()
        await answers(probe, ['live', 'on'])
        await probe.expectEnd({
          likelyCause: 'with allowHalfOpen you end each connection yourself',
          causeOfExcess: 'a frame without END is no frame',
        })
      },
    },
    {
      title: 'survives clients that reset inside a frame',
      async run(check) {
        await survivesResets(check, async () => {
          for (let n = 0; n < 5; n++) {
            const probe = await check.connect()
            probe.send(check.random.bytes(500))
            probe.reset()
          }
          const probe = await check.connect()
          probe.send(frame('still there?'))
          await answers(probe, ['still there?'])
        })
      },
    },
    {
      title: 'accepts only dc and dd after ESC',
      async run(check) {
        const probe = await check.connect()
        const likelyCause =
          'after ESC only dc and dd are valid; a frame with anything else is damaged'
        const others = Array.from({ length: 256 }, (_, value) => value).filter(
          value => value !== 0xdc && value !== 0xdd && value !== END,
        )
        // The frame behind each damaged one names the byte.
        const names = others.map(value => `db ${value.toString(16).padStart(2, '0')}`)
        const frames = others.map((value, n) =>
          Buffer.concat([Buffer.from([0x61, ESC, value, 0x7a, END]), frame(names[n]!)]),
        )
        probe.send(Buffer.concat(frames))
        for (const name of names) await answers(probe, [name], likelyCause)
        for (const start of ['dbc0', 'dbdbc0', 'db61c0', 'dbdcdbc0', 'dddbdcdb00dcc0']) {
          probe.send(Buffer.concat([Buffer.from(start, 'hex'), frame(start)]))
          await answers(probe, [start], likelyCause)
        }
      },
    },
    {
      title: 'accepts any byte as a whole payload',
      async run(check) {
        const probe = await check.connect()
        const payloads = Array.from({ length: 256 }, (_, value) => Buffer.of(value))
        probe.send(Buffer.concat(payloads.map(frame)))
        for (const payload of payloads) {
          await answers(probe, [payload], 'a payload of one byte is a frame, whatever the byte is')
        }
      },
    },
    {
      title: 'enforces the limit whichever byte exceeds it, and keeps no frame that is too long',
      async run(check) {
        const probe = await check.connect()
        for (const last of [0x00, 0x61, END, ESC, 0xdc, 0xff]) {
          const full = Buffer.alloc(LIMIT, 'ab')
          full[LIMIT - 1] = last
          const over = Buffer.concat([full.subarray(1), Buffer.of(0x61, last)])
          const after = `after ${last.toString(16).padStart(2, '0')}`
          probe.send(Buffer.concat([frame(full), frame(over), frame(after)]))
          await answers(
            probe,
            [full, after],
            '1024 bytes are allowed after unescaping; 1025 are not',
          )
        }
        const much = [LIMIT + 2, 1280, 2048, 2 ** 16 + 3, 2 ** 16 + LIMIT, 2 ** 17 + 5, 70_000]
        for (const length of [...much, check.random.between(1026, 60_000)]) {
          const wraps = 'a frame that is too long may have any length, more than 16 bits count too'
          const over = Buffer.alloc(
            length,
            check.random.of(['x', Buffer.of(END), Buffer.of(0, ESC)]),
          )
          probe.send(Buffer.concat([frame(over), frame(`${length}`)]))
          await answers(probe, [`${length}`], wraps)
        }
        // What is too long may be damaged as well, or end behind ESC.
        const damaged = Buffer.concat([Buffer.alloc(LIMIT + 5, 'x'), Buffer.from([ESC, 0x78, ESC])])
        probe.send(Buffer.concat([damaged, Buffer.of(END), frame('in step')]))
        await answers(probe, ['in step'], 'END ends every frame, even one that is too long')
        await keepsMemoryBounded(check, probe, 'x')
        probe.send(Buffer.concat([Buffer.of(END), frame('still here')]))
        await answers(probe, ['still here'], 'END ends every frame, even one that is too long')
      },
    },
    {
      title: 'finds whole frames among random bytes, and answers nothing else',
      async run(check) {
        const probe = await check.connect()
        for (let n = 0; n < 60; n++) {
          const bytes = Buffer.from(
            Array.from({ length: check.random.between(1, 40) }, () =>
              check.random.of([END, ESC, ESC, 0xdc, 0xdd, 0x61, check.random.below(256)]),
            ),
          )
          probe.send(Buffer.concat([bytes, Buffer.of(END), frame('in step')]))
          await answers(
            probe,
            [...payloadsIn(bytes), 'in step'],
            'END ends a frame in every state, ESC escapes one byte, and a damage lasts up to END',
          )
        }
      },
    },
    crowdStep(DIALOGUE),
    slowReaderStep(LONG_DIALOGUE, LIMIT + 1),
    {
      title: 'answers a great many frames of one byte that come at once',
      async run(check) {
        const probe = await check.connect()
        const bytes = Buffer.alloc(MANY * 2, frame('a'))
        probe.send(bytes)
        await probe.expect(bytes, {
          bulk: true,
          likelyCause:
            'a client may send any number of frames: set no limit on their number, and read them in a loop, because nested calls overflow the stack',
        })
        const other = await check.connect()
        other.send(frame('still there?'))
        await answers(other, ['still there?'])
      },
    },
    silenceStep(DIALOGUE, leaveAnswersUnread(LONG_DIALOGUE, LIMIT + 1)),
  ],
})
