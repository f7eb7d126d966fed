// PE of `ws-pipe1` (TWO = 0: one stationary register) and `ws-pipe` (TWO = 1: two), and of is-pipe1 and is-pipe. A wave
// with `sh` moves the preload chain, whose link to the south has a register of its own, through the stationary register
// that the MACs do not use.
module pe_ws_wave #(
    parameter WORD = 8,
    parameter SUM = 32,
    parameter TWO = 1
) (
    input clk,
    input en,
    input rst,
    input signed [WORD-1:0] a,  // row operand, from the west
    input a_valid,
    input first,  // bits that ride with the row operand: the fold's first step,
    input sh,     // this wave moves the chain,
    input sel,    // the stationary register that the MAC uses
    input load,  // strobes of the column: move the preload chain,
    input swap,  // the active register takes the shadow
    input signed [WORD-1:0] chain,  // stationary operand from the northern PE, or from the column port
    input chain_valid,
    output signed [WORD-1:0] chain_out,
    output chain_valid_out,
    input signed [SUM-1:0] s,  // partial sum, from the north
    input s_valid,
    output signed [SUM-1:0] total,  // adder output: on the output port in this cycle if the row is the last one
    output total_valid
);
    reg signed [WORD-1:0] w0, w1, link;
    reg w0_valid, w1_valid, link_valid;
    wire used = TWO && sel;
    wire loaded = TWO && !sel;
    wire signed [WORD-1:0] w = used ? w1 : w0;
    wire w_valid = used ? w1_valid : w0_valid;
    wire mac = a_valid && w_valid;
    wire signed [SUM-1:0] product = a * w;

    assign total = (s_valid ? s : {SUM{1'b0}}) + (mac ? product : {SUM{1'b0}});
    assign total_valid = s_valid || mac;
    assign chain_out = link;
    assign chain_valid_out = link_valid;

    always @(posedge clk)
        if (rst) begin
            {w0_valid, w1_valid, link_valid} <= 3'b0;
        end else if (en) begin
            if (sh) begin
                link <= loaded ? w1 : w0;
                link_valid <= loaded ? w1_valid : w0_valid;
                if (loaded) begin
                    w1 <= chain;
                    w1_valid <= chain_valid;
                end else begin
                    w0 <= chain;
                    w0_valid <= chain_valid;
                end
            end
        end
endmodule
