// PE of `ws-db` (`swap`, a strobe) and `ws-pipe2` (`first`, riding with the row operand), and of is-db and is-pipe2: a
// shadow register, which is the preload chain, and an active one. In the cycle of the swap the MAC uses the shadow.
module pe_ws_shadow #(
    parameter WORD = 8,
    parameter SUM = 32
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
    reg signed [WORD-1:0] shadow, active;
    reg shadow_valid, active_valid;
    wire take = swap || first;
    wire signed [WORD-1:0] w = take ? shadow : active;
    wire w_valid = take ? shadow_valid : active_valid;
    wire mac = a_valid && w_valid;
    wire signed [SUM-1:0] product = a * w;

    assign total = (s_valid ? s : {SUM{1'b0}}) + (mac ? product : {SUM{1'b0}});
    assign total_valid = s_valid || mac;
    assign chain_out = shadow;
    assign chain_valid_out = shadow_valid;

    always @(posedge clk)
        if (rst) begin
            {shadow_valid, active_valid} <= 2'b0;
        end else if (en) begin
            active <= w;
            active_valid <= w_valid;
            if (load) begin
                shadow <= chain;
                shadow_valid <= chain_valid;
            end
        end
endmodule
