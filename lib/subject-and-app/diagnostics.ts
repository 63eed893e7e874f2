import { channel } from 'node:diagnostics_channel'

import type { RefusalCode, TokenKind } from './refusal.js'

/** A request was refused. Nothing that a caller sends is part of the message: each property has a fixed set of values. */
export interface RefusalMessage {
  /** Why; stable across releases. */
  readonly code: RefusalCode
  /** Which of the two tokens; `undefined` where the request as a whole is refused. */
  readonly token: TokenKind | undefined
  /** Which of its claims; `undefined` where it is not for a claim. */
  readonly claim: string | undefined
}

/** A fetch of the signing keys has ended. */
export interface KeyFetchMessage {
  /** Where the keys come from: the option `jwksUri`. */
  readonly jwksUri: string
  /** Whether the keys were retrieved. If not, the last good set stays in use. */
  readonly ok: boolean
  /** The HTTP status of the response; `undefined` where there was none. */
  readonly status: number | undefined
  /** In milliseconds, with reading the response and importing the keys. */
  readonly duration: number
  /** Number of keys in the last good set; 0 where there is none. */
  readonly keys: number
}

/** A token was looked up among the verified tokens in memory. */
export interface TokenLookupMessage {
  /** Which of the two tokens. */
  readonly token: TokenKind
  /** Whether it was found. If not, it is verified by its signature, or refused. */
  readonly found: boolean
}

/** A channel of `node:diagnostics_channel` whose messages have a type. */
export interface DiagnosticsChannel<Message> {
  /** The name to subscribe by in `node:diagnostics_channel`. */
  readonly name: string | symbol
  /** Whether there are subscribers. Without one, no message is created. */
  readonly hasSubscribers: boolean
  /** Calls the subscribers. An error that one of them throws is an uncaught exception; the request goes on. */
  publish (message: Message): void
  /** Adds a subscriber. It is called synchronously, in the asynchronous context of the request. */
  subscribe (subscriber: (message: Message) => void): void
  /** Removes a subscriber. */
  unsubscribe (subscriber: (message: Message) => void): void
}

/** The channels of {@link diagnostics}. */
export interface Diagnostics {
  /** `fastify-fabric-job-state:refusal`: a request is refused, with 401 or 403. */
  readonly refusal: DiagnosticsChannel<RefusalMessage>
  /** `fastify-fabric-job-state:key-fetch`: a fetch of the signing keys has ended. */
  readonly keyFetch: DiagnosticsChannel<KeyFetchMessage>
  /** `fastify-fabric-job-state:token-lookup`: a token is looked up in memory, before it is verified. */
  readonly tokenLookup: DiagnosticsChannel<TokenLookupMessage>
}

/**
 * Channels of `node:diagnostics_channel` for metrics and traces: they publish what Fastify's hooks do not show. All servers in the
 * process share them. Without a subscriber they cost nothing.
 *
 * @example
 * diagnostics.refusal.subscribe(({ code, token }) => refusals.inc({ code, token }))
 */
export const diagnostics: Diagnostics = {
  refusal: typedChannel('fastify-fabric-job-state:refusal'),
  keyFetch: typedChannel('fastify-fabric-job-state:key-fetch'),
  tokenLookup: typedChannel('fastify-fabric-job-state:token-lookup')
}

/** Node's types leave the messages of a channel unknown. This package alone publishes to its channels. */
function typedChannel<Message> (name: string): DiagnosticsChannel<Message> {
  return channel(name) as DiagnosticsChannel<Message>
}
