/** What becomes of a character whose bytes arrive in two data events. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { StringDecoder } from 'node:string_decoder'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  word: string
  /** Bytes of each data event. */
  events: number[]
  perChunk: string
  withDecoder: string
}

const WORD = '日本'

export default experiment<Observation>({
  title: 'two characters of three bytes each, in pieces of four and two bytes',
  needs: [],
  claims: [
    {
      id: '4.6',
      essential: false,
      statement: 'A chunk may end in the middle of a character.',
      verdict: 'holds',
      truth:
        'Then chunk.toString() turns the pieces into replacement characters, and the text is lost. socket.setEncoding, a StringDecoder, or framing before decoding keep it whole.',
      source: 'RFC 3629 section 3; Node documentation of string_decoder',
      example: '04/split-utf8',
      judge: ({ word, events, perChunk, withDecoder }) => {
        const observed = `data events of ${events.join(' and ')} bytes; chunk by chunk: "${perChunk}", with a decoder: "${withDecoder}"`
        if (events.length < 2) return { verdict: 'unclear', observed }
        return { verdict: perChunk !== word && withDecoder === word ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, perChunk: seen.word }),
    },
  ],

  async run(_lab, observe) {
    const events: number[] = []
    let [perChunk, withDecoder] = ['', '']
    const decoder = new StringDecoder('utf8')
    const server = createServer(socket => {
      socket.on('error', () => {})
      socket.on('data', chunk => {
        events.push(chunk.length)
        perChunk += chunk.toString()
        withDecoder += decoder.write(chunk)
        socket.write('read')
      })
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const bytes = Buffer.from(WORD)
    for (const piece of [bytes.subarray(0, 4), bytes.subarray(4)]) {
      client.write(piece)
      await once(client, 'data')
      observe(`${piece.length} bytes ${piece.toString('hex')}: "${perChunk}" or "${withDecoder}"`)
    }
    client.destroy()
    server.close()
    return { word: WORD, events, perChunk, withDecoder }
  },
})
