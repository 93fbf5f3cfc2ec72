import { connect } from 'node:net'

const LIMIT_MS = 1500

const socket = connect(Number(process.env.PORT), '127.0.0.1').setEncoding('utf8')
socket.on('error', () => leave('connection is lost', 4))
socket.on('end', () => leave('peer has closed', 0))

let pings = 0
let bytes = 0
let heardMs = 0
let text = ''

const ping = () => socket.write(`ping ${++pings}\n`)
socket.on('connect', () => {
  heardMs = performance.now()
  ping()
  setInterval(() => setImmediate(look), LIMIT_MS / 3)
})

function look(): void {
  if (socket.bytesRead !== bytes) heardMs = performance.now()
  bytes = socket.bytesRead
  if (performance.now() - heardMs >= LIMIT_MS) leave('peer is gone', 3)
  ping()
}

socket.on('data', chunk => {
  const lines = (text + chunk).split('\n')
  text = lines.pop() ?? ''
  for (const line of lines) {
    if (line.startsWith('ping ')) socket.write(`${line.replace('ping', 'pong')}\n`)
  }
})

function leave(line: string, code: number): void {
  console.log(line)
  process.exit(code)
}
