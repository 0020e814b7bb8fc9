/** Of the gateway; told in the Hello, at /version and by `holdfast-gateway version`. */
export const VERSION = '0.1.0';
