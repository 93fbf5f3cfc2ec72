import { connect } from 'node:net'

const now = () => Math.floor(Date.now() / 1000)

const socket = connect(Number(process.env.PORT), '127.0.0.1')
socket.on('error', () => leave('connection is lost', 4))

let pings = 0
let heard = now()

function look(): void {
  if (now() - heard >= 2) leave('peer is gone', 3)
  if (socket.writableLength === 0) socket.write(`ping ${++pings}\n`)
}

socket.on('connect', () => {
  heard = now()
  look()
  setInterval(() => setImmediate(look), 250)
})

let text = ''
socket.on('end', () => leave('peer has closed', 0))
socket.setEncoding('latin1').on('data', chunk => {
  heard = now()
  const lines = (text + chunk).split('\n')
  text = lines.pop() ?? ''
  for (const line of lines) {
    const [, number] = /^ping ([0-9]{1,18})$/.exec(line) ?? []
    if (number !== undefined) socket.write(`pong ${number}\n`)
  }
})

function leave(line: string, code: number): never {
  console.log(line)
  process.exit(code)
}
