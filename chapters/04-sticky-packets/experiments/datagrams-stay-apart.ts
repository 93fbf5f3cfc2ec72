/** The ten small sends of `ten-writes`, over UDP. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  sent: number
  /** Bytes of each message event. */
  events: number[]
}

const SENDS = 10

export default experiment<Observation>({
  title: 'ten datagrams of 5 bytes to a program that stands still',
  needs: ['linux'],
  claims: [
    {
      id: '4.7',
      essential: true,
      statement: 'UDP has no sticky packets.',
      verdict: 'holds',
      truth: 'Its unit is the datagram: each read returns one, however many wait.',
      source: 'udp(7)',
      example: '03/boundaries',
      judge: ({ sent, events }) => ({
        verdict: events.length === sent && events.every(bytes => bytes === 5) ? 'holds' : 'wrong',
        observed: `${sent} sends, ${events.length} message events of ${[...new Set(events)].join(', ')} bytes`,
      }),
      counterexample: seen => ({ ...seen, events: [50] }),
    },
  ],

  async run(lab, observe) {
    const helper = lab.start(async channel => {
      const { createSocket } = await import('node:dgram')
      const socket = createSocket('udp4')
      socket.on('message', message => channel.send('message', message.length))
      socket.bind(0, '127.0.0.1', () => channel.send('listening', socket.address().port))
    }, {})
    const port = (await helper.message('listening')).value as number
    await helper.pause()
    const socket = createSocket('udp4')
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    for (let n = 0; n < SENDS; n++) await new Promise(done => socket.send(`msg${n}\n`, done))
    // The end is a message as well, the last one.
    await new Promise(done => socket.send('', done))
    observe(`${SENDS} datagrams wait for a program that stands still`)
    helper.resume()
    const events: number[] = []
    for (;;) {
      const bytes = (await helper.message('message')).value as number
      if (bytes === 0) break
      events.push(bytes)
    }
    observe(`it goes on, and gets ${events.length} messages`)
    socket.close()
    return { sent: SENDS, events }
  },
})
