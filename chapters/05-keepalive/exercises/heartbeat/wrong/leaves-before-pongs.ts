import { once } from 'node:events'
import { connect } from 'node:net'

const socket = connect({ port: Number(process.env.PORT), host: '127.0.0.1', allowHalfOpen: true })
socket.on('error', () => leave('connection is lost', 4))
await once(socket, 'connect')

let pings = 0
let heardMs = performance.now()
let text = ''
const answers: string[] = []

socket.setEncoding('latin1').on('data', chunk => {
  heardMs = performance.now()
  const lines = (text + chunk).split('\n')
  text = lines.pop() ?? ''
  for (const line of lines) {
    const [, number] = /^ping ([0-9]{1,18})$/.exec(line) ?? []
    if (number !== undefined) answers.push(`pong ${number}\n`)
  }
})
// Gathered for a moment, so that many pongs are one write.
setInterval(() => {
  for (const answer of answers.splice(0)) socket.write(answer)
}, 20)
socket.on('end', () => leave('peer has closed', 0))

function look(): void {
  if (performance.now() - heardMs > 1600) leave('peer is gone', 3)
  if (socket.writableLength === 0) socket.write(`ping ${++pings}\n`)
}
look()
setInterval(() => setImmediate(look), 250)

function leave(line: string, code: number): never {
  console.log(line)
  process.exit(code)
}
