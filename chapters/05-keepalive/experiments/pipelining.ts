/** A slow request, a fast one behind it, and one more while nothing has been answered yet. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** In ms from the first request on: when the server's handler was done with each. */
  handled: Record<string, number>
  /** The order of the responses, and when each was here. */
  answers: { path: string; ms: number }[]
  thirdSentMs: number
  alone: number
}

const SLOW_MS = 500
const THIRD_MS = 200
const ms = (value: number | undefined) => `${(value ?? Number.NaN).toFixed(0)} ms`

export default experiment<Observation>({
  title: `/slow takes ${SLOW_MS} ms, /fast none, on one connection of node:http`,
  needs: [],
  claims: [
    {
      id: '5.19',
      essential: true,
      statement:
        'With pipelining, requests are sent without waiting, and the responses come in their order.',
      verdict: 'holds',
      truth: 'Order is all that ties a response to its request: HTTP/1.1 gives them no numbers.',
      source: 'RFC 9112 section 9.3.2',
      example: '05/pipelining',
      judge: ({ handled, answers }) => ({
        verdict:
          answers.map(({ path }) => path).join(' ') === '/slow /fast /third' ? 'holds' : 'wrong',
        observed: `handled: /fast at ${ms(handled['/fast'])}, /slow at ${ms(handled['/slow'])}; answers: ${answers.map(({ path, ms: at }) => `${path} at ${ms(at)}`).join(', ')}`,
      }),
      counterexample: seen => ({ ...seen, answers: seen.answers.toReversed() }),
    },
    {
      id: '5.20',
      essential: true,
      statement:
        'The client may send its next batch of requests only when the last one has been answered.',
      verdict: 'wrong',
      appliesTo: 'HTTP/1.1, since RFC 2068 (1997)',
      truth:
        'There is no such rule: requests are taken and handled as they come, and only responses wait. The RFC has two other rules. A client should not pipeline behind a request that is not idempotent, such as POST, until that has been answered, and must not pipeline on a new connection right after one that failed.',
      source: 'RFC 9112 section 9.3.2',
      example: '05/pipelining',
      judge: ({ handled, answers, thirdSentMs }) => {
        const first = answers[0]?.ms ?? 0
        const third = handled['/third'] ?? Number.POSITIVE_INFINITY
        const observed = `sent at ${ms(thirdSentMs)}, handled at ${ms(third)}, first answer of all at ${ms(first)}`
        if (thirdSentMs >= first) return { verdict: 'unclear', observed }
        return { verdict: third < first ? 'wrong' : 'holds', observed }
      },
      counterexample: seen => ({
        ...seen,
        handled: { ...seen.handled, '/third': (seen.answers[0]?.ms ?? 0) + 1 },
      }),
    },
    {
      id: '5.21',
      essential: true,
      statement: 'A slow request delays all requests behind it: head-of-line blocking.',
      verdict: 'holds',
      truth:
        'It delays their responses, not their handling. On a separate connection the fast one is answered at once.',
      source: 'RFC 9112 section 9.3.2',
      example: '05/pipelining',
      judge: ({ handled, answers, alone }) => {
        const fast = answers.find(({ path }) => path === '/fast')?.ms ?? 0
        const observed = `/fast handled at ${ms(handled['/fast'])}, answered at ${ms(fast)}; on its own connection after ${ms(alone)}`
        // A machine that is too busy even for /fast alone shows nothing.
        if (alone > SLOW_MS / 2) return { verdict: 'unclear', observed }
        return { verdict: fast >= SLOW_MS - 5 ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({
        ...seen,
        answers: seen.answers.map(answer => ({ ...answer, ms: seen.alone })),
      }),
    },
  ],

  async run(_lab, observe) {
    let startMs = monotonicMs()
    const handled: Record<string, number> = {}
    const server = createServer((request, response) => {
      const path = request.url ?? ''
      const answer = () => {
        handled[path] = monotonicMs() - startMs
        response.end(`[${path}]`)
      }
      if (path === '/slow') setTimeout(answer, SLOW_MS)
      else answer()
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

    const own = connect(port, '127.0.0.1')
    await once(own, 'connect')
    own.write(ask('/warm-up'))
    await once(own, 'data')
    const aloneMs = monotonicMs()
    own.write(ask('/alone'))
    await once(own, 'data')
    const alone = monotonicMs() - aloneMs
    observe(`/fast on its own connection: ${alone.toFixed(1)} ms`)

    const socket = connect(port, '127.0.0.1').setEncoding('latin1')
    await once(socket, 'connect')
    const answers: Observation['answers'] = []
    socket.on('data', text => {
      for (const [, path = ''] of String(text).matchAll(/\[(\/\w+)\]/g)) {
        answers.push({ path, ms: monotonicMs() - startMs })
        observe(`answer to ${path}`)
      }
      socket.emit('more')
    })
    startMs = monotonicMs()
    socket.write(ask('/slow') + ask('/fast'))
    observe('/slow and /fast in one write')
    await new Promise(resolve => setTimeout(resolve, THIRD_MS))
    const thirdSentMs = monotonicMs() - startMs
    socket.write(ask('/third'))
    observe('/third, and nothing has been answered yet')
    while (answers.length < 3) await once(socket, 'more')
    return { handled, answers, thirdSentMs, alone }
  },
})
