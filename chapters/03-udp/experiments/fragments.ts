/** Datagrams that are longer than a packet may be, on a way that loses some of their fragments. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { counterChanges } from '#lib/kernel/counters.ts'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Fragments that were made of one datagram. */
  fragments: number
  mtu: number
  bytes: number
  /** Sent on the way that loses; fragments lost there; datagrams that arrived; errors at the sender. */
  sent: number
  lost: number
  arrived: number
  errors: number
}

const BYTES = 4000
const SENT = 10
const PORT = 7000

const receiver: HelperProgram<{ host: string; port: number }> = async (channel, { host, port }) => {
  const { createSocket } = await import('node:dgram')
  const socket = createSocket('udp4')
  socket.on('message', message => channel.send('message', message.length))
  socket.bind(port, host, () => channel.send('listening'))
}

export default experiment<Observation>({
  title: 'datagrams of 4000 bytes over a line with an MTU of 1500 that loses every second rest',
  needs: ['namespace', 'nft'],
  claims: [
    {
      id: '3.13',
      essential: true,
      statement:
        'A datagram that is longer than the MTU is fragmented; lose one fragment, lose all.',
      verdict: 'holds',
      truth:
        'The receiving kernel waits for the missing fragment and throws the others away. IP does not send it again, and neither program gets an error. So one lost fragment costs the whole datagram: better to stay below the MTU.',
      source: 'RFC 8085 section 3.2; RFC 791 section 3.2',
      example: '03/size',
      judge: ({ fragments, mtu, bytes, sent, lost, arrived, errors }) => {
        const observed = `${bytes} bytes at MTU ${mtu}: ${fragments} fragments; of ${sent} datagrams ${lost} fragments lost, ${arrived} arrived, ${errors} errors`
        if (fragments < 2 || lost === 0) return { verdict: 'unclear', observed }
        return { verdict: arrived === 0 && errors === 0 ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, arrived: seen.sent - 1 }),
    },
  ],

  async run(lab, observe) {
    const net = await lab.routedNetwork()
    const helper = lab.start(receiver, { host: net.b, port: PORT }, net.inside.b)
    await helper.message('listening')
    const socket = createSocket('udp4')
    socket.connect(PORT, net.b)
    await once(socket, 'connect')
    let errors = 0
    socket.on('error', () => errors++)
    const send = (bytes: number) =>
      new Promise<void>(done =>
        socket.send(Buffer.alloc(bytes), error => {
          if (error) errors++
          done()
        }),
      )

    const before = lab.counters()
    await send(BYTES)
    const whole = (await helper.message('message')).value
    const fragments = counterChanges(before, lab.counters())['Ip.FragCreates'] ?? 0
    observe(`${BYTES} bytes left as ${fragments} fragments and arrived as ${whole} bytes`)

    // All fragments but the first have an offset. Every second of them is lost: one per datagram.
    const drop = await lab.drop(
      'ip frag-off & 0x1fff != 0 numgen inc mod 2 0',
      net.inside.router,
      'forward',
    )
    for (let i = 0; i < SENT; i++) await send(BYTES)
    const lost = await drop.count()
    await drop.lift()
    // What comes through now came last: all that had arrived before it is known.
    await send(1)
    let arrived = 0
    while ((await helper.message('message')).value !== 1) arrived++
    observe(
      `${SENT} more on a way that lost ${lost} fragments: ${arrived} arrived, ${errors} errors`,
    )
    socket.close()
    return {
      fragments,
      mtu: lab.mtu(net.interface),
      bytes: BYTES,
      sent: SENT,
      lost,
      arrived,
      errors,
    }
  },
})
