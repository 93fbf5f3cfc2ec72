import { type Examiner, exercise } from '../../../../lib/workshop/exercise.ts'
import { firstDifference } from '../../../../lib/workshop/failed.ts'
import { survives } from '../../../../lib/workshop/survives.ts'
import type { Talk } from '../../../../lib/workshop/talk.ts'

/** The largest body that may come. */
const LARGEST_BYTES = 1024 * 1024
/** A head without end: far more than any server should keep. */
const ENDLESS_BYTES = 1024 * 1024

export default exercise({
  id: 'http-keep-alive',
  title: 'An HTTP server that keeps its connections',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1 and speaks HTTP/1.1 (RFC 9112), over plain sockets. Lines end with
CR LF. A request is a request line "METHOD TARGET HTTP/1.1" or "… HTTP/1.0", header lines, an empty line, and then as many
bytes of body as the header Content-Length says; without that header it has none. A header line is a name, a colon and a
value; spaces around the value, if there are any, do not belong to it. Case does not matter in the names of headers, nor in
the values of Connection; several lines of Connection are one list. Transfer-Encoding does not come.
Each request is answered by a status line that begins with "HTTP/1.1 200", any headers, a Content-Length among them, an
empty line, and a body of one line that ends with LF: "METHOD TARGET LENGTH", where LENGTH is the number of bytes in the
body of the request. Requests may come in any pieces, and several at once; they are answered in their order, also when the
client has sent its FIN behind them.
After an answer the connection stays open. It ends, with a FIN, after the answer to a request whose Connection header has
the word "close" in its list, or to an HTTP/1.0 request whose Connection header does not have the word "keep-alive". That
answer has the header "Connection: close", and nothing that comes behind such a request is answered. The answer to an
HTTP/1.0 request that keeps the connection has the header "Connection: keep-alive".
A body has at most 1 MiB, and may have that. A request whose Content-Length is empty, or anything but decimal digits, is
answered with status 400, and the connection ends. A head that grows beyond 64 KiB is not kept: the server ends the connection, with an answer of
status 400, 414 or 431 or without one.`,
  section: 'chapters/05-keepalive/README.md#http-keep-alive-is-something-else',
  hints: [
    'Keep what has come in a buffer of bytes. While a complete request stands at its beginning, cut it off and answer it: once, twice, or not at all, whatever the last chunk was.',
    'A request is complete when its empty line is there, and Content-Length bytes behind it. Count bytes and not characters, and look for the header without regard to case.',
    'allowHalfOpen lets you answer after the client’s FIN. You end the connection then: at its FIN, and after the answer that says Connection: close. lib/framing/http1.ts has a decoder, if you would rather think about connections.',
  ],
  steps: [
    {
      title: 'answers a request, and says how long the answer is',
      async run(at) {
        const talk = await at.connect()
        await ask(at, talk, 'GET', `/${at.random.word(6)}`)
      },
    },
    {
      title: 'answers a second and a third request on the same connection',
      async run(at) {
        const talk = await at.connect()
        for (let n = 0; n < 3; n++) {
          await ask(at, talk, 'GET', `/${at.random.word(6)}`, {
            mistake: 'it ends the connection after its answer, as in HTTP/1.0',
          })
        }
      },
    },
    {
      title: 'answers requests that come all at once, in their order',
      async run(at) {
        const talk = await at.connect()
        const targets = Array.from({ length: 20 }, () => `/${at.random.word(6)}`)
        talk.send(targets.map(target => request('GET', target)).join(''))
        for (const target of targets) {
          await answer(at, talk, `GET ${target} 0\n`, {
            mistake: 'it takes what comes at once for one request: requests may be pipelined',
          })
        }
      },
    },
    {
      title: 'takes a request that comes byte by byte',
      async run(at) {
        const talk = await at.connect()
        const other = await at.connect()
        const target = `/${at.random.word(6)}`
        const pieces = [
          `POST ${target} HT`,
          'TP/1.1\r\ncontent-LEN',
          'GTH: 5\r\nHost: a\r\n\r',
          '\nhe',
          'llo',
        ]
        for (const piece of pieces) {
          await talk.sendPieces(at.random.cut(Buffer.from(piece), 1))
          // Two answers there say that the server has had its turn here, too: what is ready at the same
          // time may be read in any order.
          for (let n = 0; n < 2; n++) await ask(at, other, 'GET', '/other')
        }
        await answer(at, talk, `POST ${target} 5\n`, {
          mistake: 'a chunk is not a request: what is not complete has to be kept',
        })
        await ask(at, talk, 'GET', '/next')
      },
    },
    {
      title: 'takes a body by its length, whatever is in it',
      async run(at) {
        const talk = await at.connect()
        const inside = Buffer.from(request('GET', '/inside'))
        const body = Buffer.concat([inside, at.random.bytes(200), inside])
        const head = request('POST', '/upload', [`Content-Length: ${body.length}`])
        const next = Buffer.from(request('GET', '/next'))
        talk.send(Buffer.concat([Buffer.from(head), body, next]))
        await answer(at, talk, `POST /upload ${body.length}\n`, {
          mistake: 'it does not wait for the bytes that Content-Length announces',
        })
        await answer(at, talk, 'GET /next 0\n', {
          mistake:
            'it does not find the end of the body: Content-Length counts bytes, not characters',
        })
        talk.send(request('POST', '/largest', [`Content-Length: ${LARGEST_BYTES}`]))
        talk.send(Buffer.alloc(LARGEST_BYTES, at.random.bytes(1024)))
        await answer(at, talk, `POST /largest ${LARGEST_BYTES}\n`, {
          mistake:
            'its limit is too small, or one for heads: a body may have 1 MiB, which is 1,048,576 bytes',
        })
      },
    },
    {
      title: 'ends after Connection: close, and answers nothing behind it',
      async run(at) {
        for (const line of ['Connection: close', 'connection: TE, Close']) {
          const talk = await at.connect()
          await ask(at, talk, 'GET', '/first')
          talk.send(request('GET', '/last', [line]) + request('GET', '/behind'))
          await answer(at, talk, 'GET /last 0\n', { connection: 'close' })
          await talk.expectEnd({
            mistake: 'it does not look at the Connection header of the request',
            tooMuch: 'what comes behind the request that says Connection: close is not answered',
          })
        }
      },
    },
    {
      title: 'ends after an HTTP/1.0 request, unless it asks to keep the connection',
      async run(at) {
        const kept = await at.connect()
        for (const word of ['keep-alive', 'Keep-Alive']) {
          kept.send(request('GET', '/kept', [`Connection: ${word}`], '', '1.0'))
          await answer(at, kept, 'GET /kept 0\n', { connection: 'keep-alive' })
        }
        kept.send(request('GET', '/old', [], '', '1.0'))
        await answer(at, kept, 'GET /old 0\n', { connection: 'close' })
        await kept.expectEnd({ mistake: 'it treats HTTP/1.0 like HTTP/1.1' })
      },
    },
    {
      title: 'answers everything although the client has sent its FIN, and then ends, too',
      async run(at) {
        const talk = await at.connect()
        talk.send(request('GET', '/one') + request('GET', '/two') + request('GET', '/three'))
        talk.finish()
        const mistake =
          'at the client’s FIN Node ends our side as well, answers or not, unless allowHalfOpen is true'
        for (const target of ['/one', '/two', '/three']) {
          await answer(at, talk, `GET ${target} 0\n`, { mistake })
        }
        await talk.expectEnd({
          mistake: 'allowHalfOpen is true, and nobody calls end() when the client has ended',
        })
      },
    },
    {
      title: 'answers 400 to a length that is no number, and ends',
      async run(at) {
        for (const length of ['abc', '5x', '-5', '+5', '0x5', '1e1', '5.0', '']) {
          const talk = await at.connect()
          talk.send(request('POST', '/upload', [`Content-Length: ${length}`], 'hello'))
          const mistake =
            length === ''
              ? 'it takes an empty length for 0, as Number() does, or a pattern that needs no digit'
              : 'Number() takes +5, 0x5 and 1e1, parseInt() takes 5x, and `|| 0` takes all: look at the text first'
          const name = `400 to "Content-Length: ${length}"`
          const { head } = await headOf(talk, name, { mistake })
          if (!/^HTTP\/1\.1 400\b/.test(head)) {
            at.fail({
              what: `the answer to "Content-Length: ${length}" does not begin with "HTTP/1.1 400"`,
              sent: talk.sent,
              received: Buffer.from(head),
              mistake,
            })
          }
          await talk.expectGone({
            mistake: 'where the next request begins nobody knows now: the connection has to end',
          })
        }
      },
    },
    {
      title: 'does not keep a head that has no end',
      async run(at) {
        const talk = await at.connect()
        const line = `X-More: ${at.random.word(1000)}\r\n`
        const lines = line.repeat(Math.ceil(ENDLESS_BYTES / line.length))
        talk.send(`GET /long HTTP/1.1\r\nHost: a.example\r\n${lines}`)
        await talk.expectGone({
          mistake: 'what is not complete is kept without a limit, until there is no memory left',
        })
      },
    },
    {
      title: 'serves others while clients stop in the middle, or reset',
      async run(at) {
        const stuck = await at.connect()
        stuck.send('GET /stuck HTTP/1.1\r\nHo')
        const other = async () => ask(at, await at.connect(), 'GET', '/other')
        const half = await at.connect()
        half.send('GET /half HTTP/1.1\r\nHo')
        await other()
        half.reset()
        await survives(at, other)
        for (let n = 0; n < 5; n++) {
          const talk = await at.connect()
          talk.send(request('GET', '/first').repeat(at.random.between(1, 50)))
          if (n % 2) talk.reset()
          else talk.close()
        }
        await survives(at, other)
        stuck.send('st: a.example\r\n\r\n')
        await answer(at, stuck, 'GET /stuck 0\n', {
          mistake: 'what has come is kept for all connections together, not for each one',
        })
      },
    },
    {
      title: 'takes headers with few spaces, with many, and in several lines',
      async run(at) {
        const talk = await at.connect()
        for (const [line, mistake] of [
          ['Content-Length:5', 'the colon ends the name of a header: no space has to follow it'],
          ['Content-Length:   5  ', 'spaces around a value do not belong to it: trim them'],
        ] as const) {
          talk.send(request('POST', '/upload', [line], 'hello'))
          await answer(at, talk, 'POST /upload 5\n', { mistake })
        }
        for (const words of [
          ['close', 'TE'],
          ['TE', 'close'],
        ]) {
          const last = await at.connect()
          const lines = words.map(word => `Connection: ${word}`)
          last.send(request('GET', '/last', lines))
          const mistake =
            'it looks at one line of Connection: there may be several, and they are one list'
          await answer(at, last, 'GET /last 0\n', { connection: 'close', mistake })
          await last.expectEnd({ mistake })
        }
      },
    },
  ],
})

interface Wanted {
  mistake?: string
  /** The word that the Connection header must have. */
  connection?: 'close' | 'keep-alive'
}

function request(
  method: string,
  target: string,
  headers: readonly string[] = [],
  body = '',
  version = '1.1',
): string {
  const lines = [`${method} ${target} HTTP/${version}`, 'Host: a.example', ...headers, '', body]
  return lines.join('\r\n')
}

async function ask(
  at: Examiner,
  talk: Talk,
  method: string,
  target: string,
  wanted: Wanted = {},
): Promise<void> {
  talk.send(request(method, target))
  await answer(at, talk, `${method} ${target} 0\n`, wanted)
}

/** Waits for an answer of status 200 with this body. */
async function answer(
  at: Examiner,
  talk: Talk,
  line: string,
  { mistake, connection }: Wanted = {},
): Promise<void> {
  const advice = mistake === undefined ? {} : { mistake }
  const name = JSON.stringify(line.trimEnd())
  const { head, length, words } = await headOf(talk, name, advice)
  const received = Buffer.from(head)
  if (!/^HTTP\/1\.1 200\b/.test(head)) {
    const what = `the answer ${name} does not begin with "HTTP/1.1 200"`
    at.fail({ what, sent: talk.sent, received, ...advice })
  }
  if (length === undefined) {
    at.fail({
      what: `the answer ${name} does not say how long it is`,
      received,
      mistake:
        'without Content-Length an answer ends with the connection, and none can follow behind it',
    })
  }
  const whole = (unread: Buffer) => (unread.length >= length ? length : undefined)
  const body = await talk.take(whole, `the body of the answer ${name}`, advice)
  const expected = Buffer.from(line)
  if (!body.equals(expected)) {
    at.fail({
      what: 'the body of the answer is not the one that was expected',
      sent: talk.sent,
      expected,
      received: body,
      offset: firstDifference(expected, body),
      ...advice,
    })
  }
  if (connection !== undefined && !words.includes(connection)) {
    at.fail({
      what: `the answer ${name} does not say "Connection: ${connection}"`,
      sent: talk.sent,
      received,
      mistake:
        mistake ??
        (connection === 'close'
          ? 'it does not see that this request is the last one of its connection'
          : 'without that header an HTTP/1.0 client takes the connection for one that ends'),
    })
  }
}

/** Waits for the head of an answer. */
async function headOf(
  talk: Talk,
  name: string,
  advice: { mistake?: string },
): Promise<{ head: string; length: number | undefined; words: string[] }> {
  const bytes = await talk.take(
    unread => {
      const end = unread.indexOf('\r\n\r\n')
      return end < 0 ? undefined : end + 4
    },
    `the head of the answer ${name}`,
    advice,
  )
  const head = bytes.toString('latin1')
  const [, length] = /^content-length:[ \t]*(\d+)[ \t]*\r$/im.exec(head) ?? []
  const [, connection = ''] = /^connection:(.*)\r$/im.exec(head) ?? []
  const words = connection
    .toLowerCase()
    .split(',')
    .map(word => word.trim())
  return { head, length: length === undefined ? undefined : Number(length), words }
}
