import { connect } from 'node:net'

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
  setInterval(() => setImmediate(look), 250)
})

function look(): void {
  if (socket.bytesRead !== bytes) heardMs = performance.now()
  bytes = socket.bytesRead
  if (performance.now() - heardMs >= 1500) leave('peer is gone', 3)
  ping()
}

socket.on('data', chunk => {
  const lines = (text + chunk).split('\n')
  text = lines.pop() ?? ''
  for (const line of lines) {
    if (line.startsWith('ping ')) socket.write(`${line.replace('ping', 'pong')}\n`)
    else if (line.startsWith('pong ')) ping()
  }
})

function leave(line: string, code: number): void {
  console.log(line)
  process.exit(code)
}
