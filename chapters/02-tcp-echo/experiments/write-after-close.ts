/** Two writes to a peer that has closed. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** For each write: `ok`, or the code of its error. */
  writes: string[]
}

const server: HelperProgram<object> = async channel => {
  const { createServer } = await import('node:net')
  createServer(socket => {
    socket.on('error', () => {})
    socket.destroy()
  }).listen(0, '127.0.0.1', function (this: import('node:net').Server) {
    const address = this.address()
    channel.send('listening', typeof address === 'object' && address?.port)
  })
}

export default experiment<Observation>({
  title: 'two writes after the peer has closed',
  needs: ['linux'],
  claims: [
    {
      id: '2.20',
      essential: true,
      statement: 'EPIPE on a write says that the peer has closed.',
      verdict: 'depends',
      truth:
        'The first write after the peer’s FIN succeeds: a FIN only says that the peer will send no more. Its kernel answers with a RST, and the write after that gets EPIPE.',
      source: 'send(2), RFC 9293 section 3.6',
      example: '02/write-after-fin',
      judge: ({ writes }) => {
        const observed = `first write: ${writes[0]}; second: ${writes[1]}`
        if (writes[0] === 'EPIPE') return { verdict: 'holds', observed }
        const late = writes[0] === 'ok' && writes[1] === 'EPIPE'
        return { verdict: late ? 'depends' : 'unclear', observed }
      },
      counterexample: () => ({ writes: ['EPIPE', 'EPIPE'] }),
    },
  ],

  async run(lab, observe) {
    const helper = lab.start(server, {})
    const port = (await helper.message('listening')).value as number
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    client.on('error', () => {})
    client.resume()
    await once(client, 'end')
    observe('the peer has closed; its FIN has arrived')
    const write = async () => {
      const result = await new Promise<string>(resolve => {
        client.write('x', error => {
          resolve((error as NodeJS.ErrnoException | null | undefined)?.code ?? 'ok')
        })
      })
      observe(`write: ${result}`)
      return result
    }
    const first = await write()
    // The answer is a RST: it takes our socket out of the table of connections.
    await lab.waitUntil('the RST has arrived', () =>
      lab.tcpTable(port).every(row => row.remotePort !== port),
    )
    observe('the answer is a RST')
    const second = await write()
    return { writes: [first, second] }
  },
})
