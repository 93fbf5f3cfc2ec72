/** What becomes of connections when the listening socket goes: accepted ones, and queued ones. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** After server.close(): sockets in LISTEN and in ESTABLISHED at the server's end. */
  listening: number
  established: number
  /** What came back through the old connection, and what a new client got. */
  echoed: string
  newClient: string
  /** What the kernel made of a connection that nobody had accepted when the listener went. */
  queued: string
}

const server: HelperProgram<object> = async channel => {
  const { createServer } = await import('node:net')
  const listener = createServer(socket => {
    channel.send('accepted')
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  listener.listen(0, '127.0.0.1', () => {
    const address = listener.address()
    channel.send('listening', typeof address === 'object' && address?.port)
  })
  await channel.receive('close')
  listener.close()
  channel.send('closed')
}

const codeOf = (socket: ReturnType<typeof connect>): Promise<string> =>
  new Promise(resolve => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
    socket.on('connect', () => resolve('connected'))
  })

export default experiment<Observation>({
  title: 'server.close() with a client connected; SIGKILL with a client in the queue',
  needs: ['linux'],
  claims: [
    {
      id: '1.23',
      essential: true,
      statement: 'Closing the listening socket leaves the established connections alone.',
      verdict: 'holds',
      truth:
        'No segment is sent. Connected clients go on and new ones are refused: that is how a server stops without breaking a connection.',
      source: 'close(2), RFC 9293 section 3.10.4',
      example: '01/close-listener',
      judge: ({ listening, established, echoed, newClient }) => ({
        verdict: listening === 0 && established === 1 && echoed === 'hi' ? 'holds' : 'wrong',
        observed: `${listening} in LISTEN, ${established} in ESTABLISHED, echo "${echoed}"; a new client: ${newClient}`,
      }),
      counterexample: seen => ({ ...seen, established: 0, echoed: '' }),
    },
    {
      id: '1.24',
      essential: false,
      statement: 'Connections that wait in the accept queue die with the listening socket.',
      verdict: 'holds',
      truth:
        'No program can accept them any more, so the kernel resets them, although connect had already succeeded for their clients.',
      source: 'listen(2)',
      judge: ({ queued }) => ({
        verdict: queued === 'reset' ? 'holds' : 'wrong',
        observed: `the connection of a client in the queue: ${queued}`,
      }),
      counterexample: seen => ({ ...seen, queued: 'CLOSE-WAIT' }),
    },
  ],

  async run(lab, observe) {
    const helper = lab.start(server, {})
    const port = (await helper.message('listening')).value as number
    const client = connect({ port, host: '127.0.0.1' })
    client.on('error', () => {})
    await helper.message('accepted')
    helper.send('close')
    await helper.message('closed')
    const rows = await lab.waitUntil('the listener is gone', () => {
      const own = lab.tcpTable(port).filter(row => row.localPort === port)
      return own.every(({ state }) => state !== 'LISTEN') && own
    })
    observe(`server.close(): ${rows.map(({ state }) => state).join(', ')}`)
    client.write('hi')
    const [echoed] = await once(client, 'data')
    observe(`the client still gets its echo: "${echoed}"`)
    const newClient = await codeOf(connect({ port, host: '127.0.0.1' }))
    observe(`a new client: ${newClient}`)
    client.destroy()

    const blocked = lab.start(server, {})
    const other = (await blocked.message('listening')).value as number
    await blocked.pause()
    const waiting = connect({ port: other, host: '127.0.0.1' })
    waiting.pause().on('error', () => {})
    await once(waiting, 'connect')
    observe('a second server stands still; its client is connected all the same')
    await blocked.kill('SIGKILL')
    // A FIN would leave the client in CLOSE-WAIT. A RST takes its socket out of the table.
    const queued = await lab.waitUntil('the client’s kernel has heard of it', () => {
      const row = lab.tcpTable(other).find(({ remotePort }) => remotePort === other)
      return row?.state === 'ESTABLISHED' ? undefined : (row?.state ?? 'reset')
    })
    waiting.destroy()
    observe(`that server is killed; the connection of its client: ${queued}`)
    const count = (state: string) => rows.filter(row => row.state === state).length
    return {
      listening: count('LISTEN'),
      established: count('ESTABLISHED'),
      echoed: String(echoed),
      newClient,
      queued,
    }
  },
})
