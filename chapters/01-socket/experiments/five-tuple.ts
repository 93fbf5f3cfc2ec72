/** Which values tell one connection from another: one local port, several connections. */

import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  localPort: number
  /** Connections that share this local port. */
  sharing: number
  /** What happens to a third one whose five values exist already: the error's code. */
  again: string
  /** Whether a UDP socket could be bound to a port that TCP uses. */
  udpBeside: boolean
}

export default experiment<Observation>({
  title: 'two servers, one local port, and UDP beside TCP',
  needs: ['linux'],
  claims: [
    {
      id: '1.5',
      essential: true,
      statement: 'A connection is identified by both addresses, both ports and the protocol.',
      verdict: 'holds',
      truth:
        'Two connections may share a local port as long as they go to different places; and the same number means another port in UDP. Only all five values together must be unique.',
      source: 'RFC 9293 section 3.4.1',
      example: '01/addresses',
      judge: ({ localPort, sharing, again, udpBeside }) => ({
        verdict: sharing === 2 && again === 'EADDRNOTAVAIL' && udpBeside ? 'holds' : 'wrong',
        observed: `local port ${localPort}: ${sharing} connections at once; the same five again: ${again}; UDP beside TCP: ${udpBeside ? 'yes' : 'no'}`,
      }),
      counterexample: seen => ({ ...seen, sharing: 1 }),
    },
  ],

  async run(lab, observe) {
    const listen = async () => {
      const server = createServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1')
      await once(server, 'listening')
      return { server, port: (server.address() as AddressInfo).port }
    }
    const [one, two, spare] = [await listen(), await listen(), await listen()]
    // A port that is free now: that of a server which closes.
    const localPort = spare.port
    spare.server.close()
    await once(spare.server, 'close')

    const go = async (port: number): Promise<string> => {
      const socket = connect({ port, host: '127.0.0.1', localPort })
      const error = new Promise<string>(resolve => {
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
      })
      sockets.push(socket)
      return Promise.race([once(socket, 'connect').then(() => 'connected'), error])
    }
    const sockets: ReturnType<typeof connect>[] = []
    observe(`from port ${localPort} to the first server: ${await go(one.port)}`)
    observe(`from port ${localPort} to the second server: ${await go(two.port)}`)
    const sharing = lab
      .tcpTable(localPort)
      .filter(row => row.localPort === localPort && row.state === 'ESTABLISHED').length
    const again = await go(one.port)
    observe(`from port ${localPort} to the first server once more: ${again}`)

    const udp = createSocket('udp4')
    const udpBeside = await new Promise<boolean>(resolve => {
      udp.once('error', () => resolve(false))
      udp.bind(one.port, '127.0.0.1', () => resolve(true))
    })
    observe(`UDP on the first server's port: ${udpBeside ? 'bound' : 'refused'}`)
    udp.close()
    for (const socket of sockets) socket.destroy()
    one.server.close()
    two.server.close()
    return { localPort, sharing, again, udpBeside }
  },
})
