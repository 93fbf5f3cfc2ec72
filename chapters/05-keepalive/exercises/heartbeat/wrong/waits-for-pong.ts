import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))
socket.on('end', () => leave('peer has closed', 0))

let pings = 0
let late: NodeJS.Timeout | undefined

function ping(): void {
  socket.write(`ping ${++pings}\n`)
  late = setTimeout(() => leave('peer is gone', 3), 1500)
}
socket.on('connect', ping)

createInterface(socket).on('line', line => {
  if (line.startsWith('ping')) socket.write(`${line.replace('ping', 'pong')}\n`)
  if (!line.startsWith('pong')) return
  clearTimeout(late)
  setTimeout(ping, 250)
})

function leave(line: string, code: number): void {
  console.log(line)
  process.exit(code)
}
