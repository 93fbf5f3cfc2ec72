/** What a server of node:http does with a connection after the response, as it was asked. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Answer {
  /** The fields of the response that are about the connection. */
  fields: string[]
  /** Whether a second request on that connection was answered; if not, when the FIN came. */
  kept: boolean
  finMs?: number
}

interface Observation {
  old: Answer
  oldAsked: Answer
  oldAskedWithoutLength: Answer
  plain: Answer
  close: Answer
}

const words = ({ fields, kept, finMs = 0 }: Answer) =>
  `${fields.join(', ') || 'no field'}: ${kept ? 'kept' : `FIN after ${finMs.toFixed(1)} ms`}`

export default experiment<Observation>({
  title: 'requests in HTTP/1.0 and 1.1, with and without a wish about the connection',
  needs: [],
  claims: [
    {
      id: '5.13',
      essential: true,
      statement:
        'HTTP/1.0 closes after the response, unless both ends said Connection: keep-alive.',
      verdict: 'holds',
      truth:
        'The client must also be able to find the end of the response: Node keeps such a connection only when the handler has set Content-Length.',
      source: 'RFC 9112 appendix C.2.2, RFC 2068 section 19.7.1',
      example: '05/http-keepalive',
      judge: ({ old, oldAsked, oldAskedWithoutLength }) => ({
        verdict: !old.kept && oldAsked.kept ? 'holds' : 'wrong',
        observed: `plain: ${words(old)}; asked to keep: ${words(oldAsked)}; the same, no Content-Length set: ${words(oldAskedWithoutLength)}`,
      }),
      counterexample: seen => ({ ...seen, old: seen.oldAsked }),
    },
    {
      id: '5.14',
      essential: true,
      statement: 'HTTP/1.1 keeps the connection, unless one end says Connection: close.',
      verdict: 'holds',
      truth:
        'It is the default, so no field has to ask for it. Node sends Connection: keep-alive all the same, and the time in Keep-Alive.',
      source: 'RFC 9112 sections 9.3 and 9.6',
      example: '05/http-keepalive',
      judge: ({ plain, close }) => ({
        verdict: plain.kept && !close.kept ? 'holds' : 'wrong',
        observed: `plain: ${words(plain)}; close: ${words(close)}`,
      }),
      counterexample: seen => ({ ...seen, plain: seen.close }),
    },
  ],

  async run(_lab, observe) {
    const server = createServer((request, response) => {
      if (request.url === '/length') response.setHeader('Content-Length', 2)
      response.end('ok')
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo

    const ask = async (line: string, field = ''): Promise<Answer> => {
      const request = `GET ${line}\r\nHost: a\r\n${field}\r\n`
      const socket = connect(port, '127.0.0.1').setEncoding('latin1')
      let text = ''
      let finMs: number | undefined
      let answerMs = 0
      const answers = () => text.split('\r\n\r\nok').length - 1
      socket.on('data', chunk => {
        text += chunk
        if (answers() > 0) answerMs ||= monotonicMs()
        socket.emit('more')
      })
      socket.on('error', () => {}) // the second request may meet a closed connection
      socket.on('end', () => {
        finMs = monotonicMs() - answerMs
        socket.emit('more')
      })
      socket.write(request)
      while (answers() === 0) await once(socket, 'more')
      const fields = text.match(/^(Connection|Keep-Alive): .*(?=\r$)/gim) ?? []
      socket.write(request)
      while (answers() < 2 && finMs === undefined) await once(socket, 'more')
      const kept = answers() > 1
      socket.destroy()
      const answer = { fields, kept, ...(kept || finMs === undefined ? {} : { finMs }) }
      observe(`${line} ${field.trim()} → ${words(answer)}`)
      return answer
    }
    return {
      old: await ask('/length HTTP/1.0'),
      oldAsked: await ask('/length HTTP/1.0', 'Connection: keep-alive\r\n'),
      oldAskedWithoutLength: await ask('/ HTTP/1.0', 'Connection: keep-alive\r\n'),
      plain: await ask('/ HTTP/1.1'),
      close: await ask('/ HTTP/1.1', 'Connection: close\r\n'),
    }
  },
})
