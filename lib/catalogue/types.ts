/** One program of an example, as `npm run` and `npm start` run it. */
export interface Program {
  /** File, relative to the chapter's folder. */
  file: string
  /** Arguments that `npm start` adds to `--host` and `--port` (or `--path`). */
  args?: readonly string[]
}

/** A server, with what tests that treat all servers alike have to know about it. */
interface ServerProgram extends Program {
  /** What a client sends first, one byte for each character (latin1). Default: nothing. */
  greeting?: string
  /** What the server then sends, or a part of it. Default: that it takes a connection is enough. */
  answer?: string
  /** Default: at once, to the client that sent the greeting. */
  answerComes?: 'after the FIN' | 'to other clients'
  /** When the server ends by itself. Default: never, a signal ends it. */
  ends?: 'as its args say' | 'with its first client' | 'in a crash'
  /** Flags with which the server shows the same in less time. */
  quickArgs?: readonly string[]
  /** What the abuse test must allow for, because it is what the example shows. */
  abuse?: AbuseAllowance
}

/** What a server cannot do under abuse, or does only with flags. */
interface AbuseAllowance {
  /** Flags for the server, beside `quickArgs`. */
  args?: readonly string[]
  /** How many clients come at a time, where each takes the server long. Default: 1000. */
  crowd?: number
  /** How many connections the server keeps until the next one comes. Default: none. */
  keeps?: number
  /** What to ask again and again, where lines of text are no questions. */
  question?: string
}

/** A client, with what tests that treat all clients alike have to know about it. */
interface ClientProgram extends Program {
  /** Waits for as long as the server says nothing. Default: gives up within 10 seconds. */
  mayWait?: true
  /**
   * Servers of something else that are as good as its own for what this client shows. Default: it
   * notices each of them, and says so.
   */
  contentWith?: 'any server' | readonly WrongServer[]
}

/** What a server that knows nothing of an example does with a connection, or with a datagram. */
export type WrongServer =
  | 'ends at once'
  | 'resets'
  | 'sends garbage and ends'
  | 'sends garbage and resets'
  | 'says nothing'
  | 'echoes it'
  | 'answers with garbage'
  | 'never answers'

/** A server and a client that show one thing together. */
export interface Example {
  /** Folder name and last part of the id: `echo` in `02/echo`. */
  name: string
  /** What a reader sees, in one sentence. */
  shows: string
  /** What the two programs talk over. */
  transport: 'tcp' | 'udp' | 'unix'
  /** Over UDP in the first place, and over TCP as well: each message behind its length, 2 bytes. */
  alsoOverTcp?: true
  server: ServerProgram
  client: ClientProgram
  /** What `npm start` runs in the client's place, where one client alone shows too little. */
  demo?: Program
  /** `linux`: reads kernel tables that only Linux has. */
  needs?: 'linux'
  /** A run is kept in the chapter's `recordings`, as JSON and as a picture: `npm run record`. */
  recorded?: true
}

/** A chapter's entry in the catalogue: data only, no code. */
export interface Chapter {
  /** Two digits: the first part of the folder's name. */
  id: string
  title: string
  /** What the reader can do afterwards, in one sentence. */
  promise: string
  /** The first example is the one that `npm start <id>` and `npm run <id>:server` run. */
  examples: readonly Example[]
  /** Folder names below `exercises/`, in the order in which they are best solved. */
  exercises?: readonly string[]
}

/** A chapter together with the folder it was read from. */
export interface CatalogueChapter extends Chapter {
  /** Folder name below `chapters/`: `02-tcp-echo`. */
  folder: string
}

/** An example together with its chapter, as the commands address it. */
export interface CatalogueEntry {
  /** `02/echo` */
  id: string
  chapter: CatalogueChapter
  example: Example
}
