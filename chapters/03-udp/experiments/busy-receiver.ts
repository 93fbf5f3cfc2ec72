/** What becomes of datagrams whose receiver does not read: 2000 of them, and who is told. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { counterChanges } from '#lib/kernel/counters.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  sent: number
  /** Sends whose callback had an error. */
  errors: number
  received: number
  /** The receiving socket's own count of datagrams thrown away, and the kernel's. */
  drops: number
  rcvbufErrors: number
  /** Memory that the kernel charged for those that waited: bytes. */
  charged: number
}

const COUNT = 2000
const BYTES = 1000

export default experiment<Observation>({
  title: '2000 datagrams of 1000 bytes for a program that stands still',
  needs: ['linux'],
  claims: [
    {
      id: '3.3',
      essential: true,
      statement: 'UDP is unreliable: what is lost stays lost, and the sender gets no error.',
      verdict: 'holds',
      truth:
        'Every send succeeds. What does not fit into the receive buffer is thrown away, and neither program gets an error; only the kernel’s counters show it.',
      source: 'RFC 8085 section 3.3; udp(7)',
      example: '03/loss',
      judge: ({ sent, errors, received, drops, rcvbufErrors, charged }) => {
        const observed = `${sent} sent, ${errors} errors, ${received} received, ${drops} drops at the socket, RcvbufErrors ${rcvbufErrors}; ${Math.round(charged / received)} bytes of buffer for a datagram of ${BYTES}`
        const silent = errors === 0 && drops > 0 && received + drops === sent
        // On a host, the kernel counts for all sockets.
        return { verdict: silent && rcvbufErrors >= drops ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, errors: seen.drops }),
    },
  ],

  async run(lab, observe) {
    const helper = lab.start(async channel => {
      const { createSocket } = await import('node:dgram')
      const socket = createSocket('udp4')
      let received = 0
      socket.on('message', message => {
        if (message.length === 1) channel.send('received', received)
        else received++
      })
      socket.bind(0, '127.0.0.1', () => channel.send('listening', socket.address().port))
    }, {})
    const port = (await helper.message('listening')).value as number
    await helper.pause()
    const before = lab.counters()
    const socket = createSocket('udp4')
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    let errors = 0
    const datagram = Buffer.alloc(BYTES)
    for (let sent = 0; sent < COUNT; sent++) {
      await new Promise<void>(done =>
        socket.send(datagram, error => {
          if (error) errors++
          done()
        }),
      )
    }
    observe(`${COUNT} sends to a program that stands still: ${errors} errors`)
    const row = lab.udpTable(port).find(({ localPort }) => localPort === port)
    const rcvbufErrors = counterChanges(before, lab.counters())['Udp.RcvbufErrors'] ?? 0
    observe(`its socket holds ${row?.rxQueue} bytes and has dropped ${row?.drops} datagrams`)
    helper.resume()
    await lab.waitUntil('everything has been read', () =>
      lab.udpTable(port).some(({ localPort, rxQueue }) => localPort === port && rxQueue === 0),
    )
    socket.send('?')
    const received = (await helper.message('received')).value as number
    observe(`it goes on, and has received ${received}`)
    socket.close()
    return {
      sent: COUNT,
      errors,
      received,
      drops: row?.drops ?? 0,
      rcvbufErrors,
      charged: row?.rxQueue ?? 0,
    }
  },
})
