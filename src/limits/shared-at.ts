/** Where rates are counted across gateways: settings of the shared limiter, made by `config/`. */

/** A Redis or Valkey that counts rates. */
export type SharedLimitsAt = Readonly<{
  host: string;
  port: number;
  database: number;
  user: string | null;
  password: string | null;
  tls: boolean;
}>;
