import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))
socket.on('end', () => leave('peer has closed', 0))

let late: NodeJS.Timeout | undefined
socket.on('data', () => {
  clearTimeout(late)
  late = setTimeout(() => setImmediate(leave, 'peer is gone', 3), 1500)
})

let pings = 0
const ping = () => socket.write(`ping ${++pings}\n`)
socket.on('connect', ping)
setInterval(ping, 250)

createInterface(socket).on('line', line => {
  const [, number] = /^ping (\d+)$/.exec(line) ?? []
  if (number !== undefined) socket.write(`pong ${number}\n`)
})

function leave(line: string, code: number): void {
  console.log(line)
  process.exit(code)
}
